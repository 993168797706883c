//! The Intel-syntax text of a form with given operands, built from the row and the operands alone.

use iced_x86::{
    CodeSize, Formatter, Instruction, IntelFormatter, MemorySizeOptions, Mnemonic, OpCodeOperandKind, OpKind, Register,
};

use super::check::{Oracle, fixed, register, rounding};
use super::operands::{Address, Segment, Value};
use crate::form::Arg;

/// Writes instructions as text.
pub struct Text {
    formatter: IntelFormatter,
}

impl Default for Text {
    fn default() -> Text {
        Text::new()
    }
}

impl Text {
    /// Numbers as `0x1f`, every memory operand with its width, no pseudo-instructions.
    pub fn new() -> Text {
        let mut formatter = IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_hex_prefix("0x");
        options.set_hex_suffix("");
        options.set_uppercase_hex(false);
        options.set_space_after_operand_separator(true);
        options.set_memory_size_options(MemorySizeOptions::Always);
        options.set_rip_relative_addresses(true);
        options.set_show_branch_size(false);
        options.set_use_pseudo_ops(false);
        Text { formatter }
    }

    /// The instruction's text.
    pub fn of(&mut self, instruction: &Instruction) -> String {
        // iced calls the one with 66 `xchg ax, ax`.
        if instruction.mnemonic() == Mnemonic::Nop && instruction.op_count() == 0 {
            return "nop".to_string();
        }
        let mut text = String::new();
        self.formatter.format(instruction, &mut text);
        // The manual's mnemonic for iced's `ret far`.
        self.wide_registers(instruction, text.replace("ret far", "retf"))
    }

    /// iced writes the 32-bit name for the 64-bit register of a few (`pextrw rdx, xmm1, 5`); the row says which it is.
    fn wide_registers(&mut self, instruction: &Instruction, mut text: String) -> String {
        for n in 0..instruction.op_count() {
            let register = instruction.op_register(n);
            if instruction.op_kind(n) != OpKind::Register || !register.is_gpr64() {
                continue;
            }
            let wide = self.formatter.format_register(register).to_string();
            let narrow = self.formatter.format_register(register.full_register32()).to_string();
            let words: Vec<&str> = text.split([' ', ',']).collect();
            if !words.contains(&wide.as_str()) && words.contains(&narrow.as_str()) {
                text = text.replacen(&narrow, &wide, 1);
            }
        }
        text
    }
}

/// The form with these operands as iced's data structure; `len` bytes long and at address 0, which branches and
/// rip-relative addresses count from.
///
/// None for what is newer than iced.
pub fn instruction(oracle: &Oracle, form: usize, values: &[Value], len: usize) -> Option<Instruction> {
    let (the_form, code) = (&oracle.forms[form], oracle.code(form)?);
    let mut instruction = Instruction::default();
    instruction.set_code(code);
    instruction.set_code_size(CodeSize::Code64);
    instruction.set_len(len);
    instruction.set_next_ip(len as u64);
    for &byte in the_form.prefix.bytes() {
        match byte {
            0xF0 => instruction.set_has_lock_prefix(true),
            0xF2 => instruction.set_has_repne_prefix(true),
            0xF3 => instruction.set_has_rep_prefix(true),
            0x2E => instruction.set_segment_prefix(Register::CS),
            _ => instruction.set_segment_prefix(Register::DS),
        }
    }
    for (n, kind) in (0..).zip(code.op_code().op_kinds()) {
        match oracle.operands(form).iter().position(|&number| number == n) {
            Some(at) => set_operand(&mut instruction, n, *kind, &the_form.args[at], values[at], len),
            None => set_implied(&mut instruction, n, *kind),
        }
    }
    Some(instruction)
}

fn set_operand(instruction: &mut Instruction, n: u32, kind: OpCodeOperandKind, arg: &Arg, value: Value, len: usize) {
    set_decorators(instruction, arg, value);
    if let (Some(class), Some(number)) = (arg.class(), value.number()) {
        return set_register(instruction, n, register(class, number));
    }
    if let Some(&address) = value.address() {
        return set_memory(instruction, n, address, arg.vector_index().unwrap_or("R64"), len);
    }
    match (arg, value) {
        (Arg::Fixed(name), _) if name != "1" => set_register(instruction, n, fixed(name)),
        (Arg::Rel(16), Value::Imm(distance)) => {
            instruction.set_op_kind(n, OpKind::NearBranch64);
            instruction.set_near_branch64((len as i64 + distance) as u64);
        }
        (Arg::Moffs(_), Value::Imm(address)) => {
            instruction.set_op_kind(n, OpKind::Memory);
            instruction.set_memory_displ_size(8);
            instruction.set_memory_displacement64(address as u64);
        }
        (Arg::Rel(_), Value::Target(distance)) => {
            instruction.set_op_kind(n, OpKind::NearBranch64);
            instruction.set_near_branch64((len as i64 + i64::from(distance)) as u64);
        }
        (Arg::Imm(..), Value::Imm(value)) => set_immediate(instruction, n, kind, value),
        _ => set_immediate(instruction, n, kind, 1),
    }
}

fn set_decorators(instruction: &mut Instruction, arg: &Arg, value: Value) {
    match (arg, value) {
        (_, Value::Masked(_, mask, zero)) if mask != 0 => {
            instruction.set_op_mask(register("K", mask));
            instruction.set_zeroing_masking(zero);
        }
        (_, Value::MaskedMem(_, mask)) if mask != 0 => instruction.set_op_mask(register("K", mask)),
        (Arg::Bcst(..), _) => instruction.set_is_broadcast(true),
        (_, Value::Rounded(_, mode)) => instruction.set_rounding_control(rounding(mode)),
        (Arg::Sae(_), _) => instruction.set_suppress_all_exceptions(true),
        _ => {}
    }
}

fn set_register(instruction: &mut Instruction, n: u32, register: Register) {
    instruction.set_op_kind(n, OpKind::Register);
    instruction.set_op_register(n, register);
}

fn set_immediate(instruction: &mut Instruction, n: u32, kind: OpCodeOperandKind, value: i64) {
    use OpCodeOperandKind as K;
    let second = n > 0 && matches!(instruction.op_kind(n - 1), OpKind::Immediate16 | OpKind::Immediate8);
    let kind = match kind {
        K::imm8 if second => OpKind::Immediate8_2nd,
        kind => super::shortest::immediate_kind(kind).expect("an immediate"),
    };
    instruction.set_op_kind(n, kind);
    match kind {
        OpKind::Immediate8to16 | OpKind::Immediate8to32 | OpKind::Immediate8to64 | OpKind::Immediate32to64 => {
            instruction.set_immediate_i64(n, value);
        }
        OpKind::Immediate8 | OpKind::Immediate8_2nd => instruction.set_immediate_u64(n, u64::from(value as u8)),
        OpKind::Immediate16 => instruction.set_immediate_u64(n, u64::from(value as u16)),
        OpKind::Immediate32 => instruction.set_immediate_u64(n, u64::from(value as u32)),
        _ => instruction.set_immediate_u64(n, value as u64),
    }
}

fn set_memory(instruction: &mut Instruction, n: u32, address: Address, index_class: &str, len: usize) {
    let class = if address.narrow { "R32" } else { "R64" };
    let index_class = if index_class == "R64" { class } else { index_class };
    instruction.set_op_kind(n, OpKind::Memory);
    match address.segment {
        Segment::None => {}
        Segment::Fs => instruction.set_segment_prefix(Register::FS),
        Segment::Gs => instruction.set_segment_prefix(Register::GS),
    }
    if let Some((index, exponent)) = address.index {
        instruction.set_memory_index(register(index_class, index));
        instruction.set_memory_index_scale(1 << exponent);
    }
    let absolute = address.base.is_none() && address.index.is_none();
    instruction.set_memory_displ_size(match (address.disp, absolute) {
        (0, false) => 0,
        (-128..=127, false) => 1,
        _ if address.narrow => 4,
        _ => 8,
    });
    let sign_extended = i64::from(address.disp) as u64;
    if address.rip {
        instruction.set_memory_base(Register::RIP);
        instruction.set_memory_displ_size(8);
        instruction.set_memory_displacement64((len as u64).wrapping_add(sign_extended));
        return;
    }
    instruction.set_memory_base(address.base.map_or(Register::None, |base| register(class, base)));
    instruction.set_memory_displacement64(if address.narrow { u64::from(address.disp as u32) } else { sign_extended });
}

/// What the instruction implies but iced writes.
fn set_implied(instruction: &mut Instruction, n: u32, kind: OpCodeOperandKind) {
    use OpCodeOperandKind as K;
    match kind {
        K::es_rDI => instruction.set_op_kind(n, OpKind::MemoryESRDI),
        K::seg_rSI => instruction.set_op_kind(n, OpKind::MemorySegRSI),
        K::seg_rDI => instruction.set_op_kind(n, OpKind::MemorySegRDI),
        K::seg_rBX_al => {
            instruction.set_op_kind(n, OpKind::Memory);
            instruction.set_memory_base(Register::RBX);
            instruction.set_memory_index(Register::AL);
        }
        K::al => set_register(instruction, n, Register::AL),
        K::ax => set_register(instruction, n, Register::AX),
        K::eax => set_register(instruction, n, Register::EAX),
        K::rax => set_register(instruction, n, Register::RAX),
        K::dx => set_register(instruction, n, Register::DX),
        K::st0 => set_register(instruction, n, Register::ST0),
        kind => panic!("implied operand {kind:?}"),
    }
}
