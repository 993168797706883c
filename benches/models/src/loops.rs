//! Loops: of wasm, and of machine code.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Formatter, GasFormatter, Instruction, Mnemonic, OpKind};
use std::collections::BTreeMap;
use std::fmt::Write;
use wasmparser::{Operator, Parser, Payload};

/// A loop that contains none: where it lies in the module file.
#[derive(Clone, Copy)]
pub struct WasmLoop {
    pub start: u32,
    pub end: u32,
}

/// The innermost loops of each function, by its index.
pub fn wasm_loops(bytes: &[u8]) -> wasmparser::Result<BTreeMap<u32, Vec<WasmLoop>>> {
    let (mut loops, mut function) = (BTreeMap::new(), 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    function += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                loops.insert(function, innermost(&body)?);
                function += 1;
            }
            _ => {}
        }
    }
    Ok(loops)
}

fn innermost(body: &wasmparser::FunctionBody<'_>) -> wasmparser::Result<Vec<WasmLoop>> {
    // Of each block its start if it is a loop, and whether it contains one.
    let (mut blocks, mut loops) = (vec![(None, false)], Vec::new());
    for operator in body.get_operators_reader()?.into_iter_with_offsets() {
        let (operator, offset) = operator?;
        match operator {
            Operator::Loop { .. } => blocks.push((Some(offset as u32), false)),
            Operator::Block { .. } | Operator::If { .. } | Operator::TryTable { .. } => blocks.push((None, false)),
            Operator::End => {
                let (start, contains_loop) = blocks.pop().expect("validated: an end of something");
                if let Some(start) = start.filter(|_| !contains_loop) {
                    loops.push(WasmLoop { start, end: offset as u32 });
                }
                if let Some(outer) = blocks.last_mut() {
                    outer.1 |= contains_loop || start.is_some();
                }
            }
            _ => {}
        }
    }
    Ok(loops)
}

/// A loop of machine code: from where its last backward branch goes to, to that branch.
pub struct Loop {
    pub instructions: Vec<Instruction>,
}

impl Loop {
    pub fn contains(&self, pc: usize) -> bool {
        (self.start()..self.end()).contains(&(pc as u64))
    }

    pub fn start(&self) -> u64 {
        self.instructions.first().map_or(0, Instruction::ip)
    }

    pub fn end(&self) -> u64 {
        self.instructions.last().map_or(0, Instruction::next_ip)
    }

    /// Branches, with the comparison that is fused with them, that cross a multiple of 32 or end at one: processors from Skylake to
    /// Cascade Lake decode those anew each time (Intel, "Mitigations for Jump Conditional Code Erratum").
    pub fn branches_at_boundaries(&self) -> usize {
        let touches = |from: u64, to: u64| from / 32 != to / 32;
        let mut before: Option<&Instruction> = None;
        let mut count = 0;
        for instruction in &self.instructions {
            if instruction.flow_control() != FlowControl::Next {
                let fused = before.filter(|before| {
                    instruction.flow_control() == FlowControl::ConditionalBranch && fuses(before.mnemonic())
                });
                let from = fused.map_or(instruction.ip(), Instruction::ip);
                count += usize::from(touches(from, instruction.next_ip()));
            }
            before = Some(instruction);
        }
        count
    }

    /// In the assembler's words; all branches go to the label.
    pub fn text(&self, label: &str) -> String {
        let mut formatter = GasFormatter::new();
        formatter.options_mut().set_rip_relative_addresses(true);
        let (mut text, mut operand) = (format!(".L{label}:\n"), String::new());
        for instruction in &self.instructions {
            operand.clear();
            if branch_target(instruction).is_some() {
                formatter.format_mnemonic(instruction, &mut operand);
                writeln!(text, "{operand} .L{label}").expect("a string grows");
            } else {
                formatter.format(instruction, &mut operand);
                writeln!(text, "{operand}").expect("a string grows");
            }
        }
        text
    }
}

fn fuses(mnemonic: Mnemonic) -> bool {
    use Mnemonic::{Add, And, Cmp, Dec, Inc, Sub, Test};
    matches!(mnemonic, Cmp | Test | Add | Sub | And | Inc | Dec)
}

/// The loops of a function that contain no other one and no call, in the order of their code. So many bytes after each `ud2` say
/// why it traps.
pub fn machine_loops(code: &[u8], address: u64, bytes_after_trap: usize) -> Vec<Loop> {
    let instructions = decode(code, address, bytes_after_trap);
    let mut ends = BTreeMap::new();
    for instruction in instructions.iter().filter(|instruction| is_backward(instruction, address)) {
        ends.insert(instruction.near_branch_target(), instruction.next_ip());
    }
    let innermost = ends.iter().filter(|&(&start, &end)| !ends.range(start + 1..end).any(|(_, &inner)| inner <= end));
    let loops = innermost.map(|(&start, &end)| Loop {
        instructions: without_exits(
            instructions.iter().filter(|one| (start..end).contains(&one.ip())).copied().collect(),
        ),
    });
    let calls = |found: &Loop| {
        let is_call = |one: &Instruction| matches!(one.flow_control(), FlowControl::Call | FlowControl::IndirectCall);
        found.instructions.iter().any(is_call)
    };
    loops.filter(|found| !calls(found) && found.start() >= address).collect()
}

/// Leaves out blocks that end in a jump out of the loop: they are executed once.
fn without_exits(mut instructions: Vec<Instruction>) -> Vec<Instruction> {
    let (start, end) = (instructions[0].ip(), instructions[instructions.len() - 1].next_ip());
    let targets: Vec<u64> = instructions.iter().filter_map(branch_target).collect();
    let mut at = 0;
    while at < instructions.len() {
        let leaves = instructions[at].flow_control() == FlowControl::UnconditionalBranch
            && !(start..end).contains(&instructions[at].near_branch_target());
        if !leaves {
            at += 1;
            continue;
        }
        let begins = |place: &usize| {
            targets.contains(&instructions[*place].ip()) || instructions[*place - 1].flow_control() != FlowControl::Next
        };
        let block = (1..=at).rev().find(begins).unwrap_or(at);
        instructions.drain(block..=at);
        at = block;
    }
    instructions
}

fn branch_target(instruction: &Instruction) -> Option<u64> {
    let is_near = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64;
    is_near.then(|| instruction.near_branch_target())
}

fn is_backward(instruction: &Instruction, address: u64) -> bool {
    let jumps = matches!(instruction.flow_control(), FlowControl::ConditionalBranch | FlowControl::UnconditionalBranch);
    jumps && (address..=instruction.ip()).contains(&instruction.near_branch_target())
}

/// What lies after the code are tables and constants; no loop leads there.
fn decode(code: &[u8], address: u64, bytes_after_trap: usize) -> Vec<Instruction> {
    let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
    let mut instructions = Vec::new();
    while decoder.can_decode() {
        let instruction = decoder.decode();
        instructions.push(instruction);
        let next = decoder.position() + bytes_after_trap;
        if instruction.mnemonic() == Mnemonic::Ud2 && decoder.set_position(next).is_ok() {
            decoder.set_ip(address + next as u64);
        }
    }
    instructions
}
