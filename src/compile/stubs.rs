//! Code between compiled functions and everybody else: one set of stubs per signature, one stub per builtin.

use super::builtin_stubs::{WASM_SP, leave, leave_wasm_stack, stack};
use crate::abi::layout::{CONTEXT_HEAP, RECORD_CODE, RECORD_INSTANCE, RESTORES_CONTEXT};
use crate::abi::{CALLEE, CONTEXT, CallLayout, HEAP, Place, VALUE_BYTES};
use crate::types::{FuncType, ValType};
use planish_asm::regs::{r8, r9, r11, rax, rbx, rdi, rdx, rsi, rsp, xmm15};
use planish_asm::{Addr, Alu, Asm, AsmError, Cond, Gp64, Label, LabelSlot, Prec, Scale, Width, Xmm};

/// The stubs of one signature, in one piece of position-independent code.
pub(crate) struct SignatureStubs {
    pub(crate) code: Vec<u8>,
    /// Called by the door: `r14` = context, `rbx` = values (16 bytes each, arguments; results overwrite them),
    /// `rax` = code address of the function. Sets r15, calls, stores the results, returns. May change anything but rsp,
    /// r14 and rbx.
    pub(crate) entry_offset: u32,
    /// [`RECORD_FOREIGN`](crate::abi::layout::RECORD_FOREIGN) of a wasm function.
    pub(crate) foreign_offset: u32,
    /// The return address of the call in the foreign entry, and the bytes from rsp there to its own return
    /// address: a backtrace passes through. Below it lies the caller's context.
    pub(crate) foreign_return_offset: u32,
    pub(crate) foreign_frame_bytes: u32,
    /// Stack arguments that functions of the type pop.
    pub(crate) arg_bytes: u32,
}

/// [`RECORD_FOREIGN`](crate::abi::layout::RECORD_FOREIGN) of a host function: stores the arguments to an array on the wasm stack,
/// sets the store's exit and wasm rsp, switches to the native stack (16-aligned) and calls
/// `extern "sysv64" fn(record: *mut FuncRecord, caller: *mut Context, values: *mut Value) -> u32` whose address is at `RECORD_CODE`;
/// 0 = go on with the results in the array, else jump to the store's trap exit. Position-independent.
pub(crate) struct HostStub {
    pub(crate) code: Vec<u8>,
    /// Stack arguments that it pops.
    pub(crate) arg_bytes: u32,
}

/// The stubs of wasm functions of a type.
pub(crate) fn signature_stubs(ty: &FuncType) -> SignatureStubs {
    let layout = CallLayout::of(ty);
    let (code, (entry_offset, foreign_offset, (foreign_return_offset, foreign_frame_bytes))) =
        assembled(ty, &layout, |stubs| {
            let entry_offset = stubs.here();
            stubs.entry();
            (entry_offset, stubs.here(), stubs.foreign())
        });
    let arg_bytes = layout.arg_bytes;
    SignatureStubs { code, entry_offset, foreign_offset, foreign_return_offset, foreign_frame_bytes, arg_bytes }
}

/// The stub of host functions of a type.
pub(crate) fn host_stub(ty: &FuncType) -> HostStub {
    let layout = CallLayout::of(ty);
    let (code, ()) = assembled(ty, &layout, |stubs| stubs.host());
    HostStub { code, arg_bytes: layout.arg_bytes }
}

/// What `write` writes, and returns.
fn assembled<R>(ty: &FuncType, layout: &CallLayout, write: impl Fn(&mut Stubs<'_>) -> R) -> (Vec<u8>, R) {
    let mut code = vec![0; 1024];
    loop {
        let mut labels = [LabelSlot::EMPTY; LABELS];
        let mut stubs = Stubs { asm: Asm::new(&mut code, &mut labels), ty, layout, tables: Vec::new() };
        let written = write(&mut stubs);
        stubs.tables();
        let length = match stubs.asm.finish() {
            Ok(bytes) => bytes.len(),
            Err(AsmError::Full { needed }) => {
                code.resize(needed, 0);
                continue;
            }
            Err(error) => panic!("a stub used the assembler wrongly: {error}"),
        };
        code.truncate(length);
        return (code, written);
    }
}

/// As many labels as the stubs of one type need.
const LABELS: usize = 16;

struct Stubs<'a> {
    asm: Asm<'a>,
    ty: &'a FuncType,
    layout: &'a CallLayout,
    /// The tables of the loops, which follow the code.
    tables: Vec<(Label, Vec<u64>)>,
}

/// The most values on the stack that are copied one by one. More are copied in a loop.
const UNROLLED: usize = 8;

/// The direction in which values are copied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToStack,
    ToArray,
}

/// Holds no argument and no result.
const VECTOR_TEMP: Xmm = xmm15;

/// A value in the array at a register.
fn value(array: Gp64, index: usize) -> Addr {
    Addr::base_disp(array.any(), (index as u32 * VALUE_BYTES) as i32)
}

/// The upper half of a vector there.
fn upper_half(array: Gp64, index: usize) -> Addr {
    Addr::base_disp(array.any(), (index as u32 * VALUE_BYTES) as i32 + 8)
}

fn stack_places(places: &[Place]) -> usize {
    places.iter().filter(|place| matches!(place, Place::Stack(_))).count()
}

fn width(ty: &ValType) -> Width {
    if *ty == ValType::I32 { Width::W32 } else { Width::W64 }
}

impl Stubs<'_> {
    fn here(&mut self) -> u32 {
        self.asm.align(16);
        self.asm.pos() as u32
    }

    /// Arguments from the array at `array` to their places; a 32-bit load clears the upper half.
    fn load(&mut self, array: Gp64, types: &[ValType], places: &[Place], above: i32, temp: Gp64) {
        if stack_places(places) > UNROLLED {
            self.copy_in_loop(Direction::ToStack, array, types, places, above);
        }
        for (index, place) in places.iter().enumerate().filter(|_| stack_places(places) <= UNROLLED) {
            match *place {
                Place::Stack(at) if types[index] == ValType::V128 => {
                    self.load_vector(VECTOR_TEMP, array, index);
                    self.asm.movups_mr(stack(above + at as i32), VECTOR_TEMP);
                }
                Place::Stack(at) => {
                    self.asm.mov_rm(width(&types[index]), temp.any(), value(array, index));
                    self.asm.mov_mr(Width::W64, stack(above + at as i32), temp.any());
                }
                Place::Gpr(_) | Place::Xmm(_) => {}
            }
        }
        for (index, place) in places.iter().enumerate() {
            match *place {
                Place::Gpr(to) => _ = self.asm.mov_rm(width(&types[index]), to.any(), value(array, index)),
                Place::Xmm(to) if types[index] == ValType::V128 => self.load_vector(to, array, index),
                Place::Xmm(to) => _ = self.asm.fload(Prec::D, to, value(array, index)),
                Place::Stack(_) => {}
            }
        }
    }

    /// By halves: the host may just have written it as two numbers, and a load waits until the stores that it reads from are done
    /// unless a single one wrote all of it (Intel, "Optimization Reference Manual", store forwarding).
    fn load_vector(&mut self, to: Xmm, array: Gp64, index: usize) {
        self.asm.fload(Prec::D, to, value(array, index));
        self.asm.pinsr_xm(Width::W64, to, upper_half(array, index), 1);
    }

    /// Values from their places to the array at `array`.
    fn store(&mut self, array: Gp64, types: &[ValType], places: &[Place], above: i32, temp: Gp64) {
        for (index, place) in places.iter().enumerate() {
            match *place {
                Place::Gpr(from) => _ = self.asm.mov_mr(Width::W64, value(array, index), from.any()),
                Place::Xmm(from) if types[index] == ValType::V128 => {
                    self.asm.movups_mr(value(array, index), from);
                }
                Place::Xmm(from) => _ = self.asm.fstore(Prec::D, value(array, index), from),
                Place::Stack(_) => {}
            }
        }
        if stack_places(places) > UNROLLED {
            return self.copy_in_loop(Direction::ToArray, array, types, places, above);
        }
        for (index, place) in places.iter().enumerate() {
            if let Place::Stack(at) = *place {
                self.copy(&types[index], value(array, index), stack(above + at as i32), temp);
            }
        }
    }

    /// As wide as whoever wrote the value did and whoever reads it will.
    fn copy(&mut self, ty: &ValType, to: Addr, from: Addr, temp: Gp64) {
        if *ty == ValType::V128 {
            self.asm.movups_rm(VECTOR_TEMP, from);
            self.asm.movups_mr(to, VECTOR_TEMP);
        } else {
            self.asm.mov_rm(Width::W64, temp.any(), from);
            self.asm.mov_mr(Width::W64, to, temp.any());
        }
    }

    /// Copies the values that have places on the stack between there and the array. Uses rdi, rsi, r8, r9, r11 and
    /// [`VECTOR_TEMP`], which hold nothing before register arguments are loaded, or after they are stored.
    ///
    /// Two bits say what each value is: 0 in a register, 1 of 32 bits, 2 of 64, 3 of 128. First all the lower bits, then the upper.
    /// In pseudo-code:
    ///
    /// ```text
    /// for each value { match kind { 0 => {}, 1 => copy 32 bits, zero-extended, 2 => copy 64, 3 => copy 128 } }
    /// ```
    fn copy_in_loop(&mut self, direction: Direction, array: Gp64, types: &[ValType], places: &[Place], above: i32) {
        let [in_array, on_stack, index, table, temp] = [rdi, rsi, r8, r9, r11];
        let first = places.iter().find_map(|place| if let Place::Stack(at) = place { Some(*at) } else { None });
        let (label, upper) = self.table_of(types, places);
        let [next, long, vector, word_is_copied, end] = std::array::from_fn(|_| self.asm.label());
        self.asm.lea_label(table.any(), label);
        self.asm.mov_rr(Width::W64, in_array.any(), array.any());
        self.asm.lea_rm(Width::W64, on_stack.any(), stack(above + first.expect("some are on the stack") as i32));
        self.asm.mov_ri(Width::W32, index.any(), 0);
        let jump = |asm: &mut Asm<'_>, bits: i32, cond: Cond, to: Label| {
            asm.bt_m64_r64(Addr::base_disp(table.any(), bits).m64(), index.any()).jcc(cond, to);
        };
        let [of_array, of_stack] = [in_array, on_stack].map(|base| Addr::base_disp(base.any(), 0));
        let word = |asm: &mut Asm<'_>, width: Width| {
            match direction {
                Direction::ToStack => asm.mov_rm(width, temp.any(), of_array).mov_mr(Width::W64, of_stack, temp.any()),
                Direction::ToArray => asm.mov_rm(width, temp.any(), of_stack).mov_mr(Width::W64, of_array, temp.any()),
            };
        };
        self.asm.bind(next);
        jump(&mut self.asm, upper, Cond::Below, long);
        jump(&mut self.asm, 0, Cond::AboveEqual, end);
        word(&mut self.asm, Width::W32);
        self.asm.jmp_label(word_is_copied);
        self.asm.bind(long);
        jump(&mut self.asm, 0, Cond::Below, vector);
        word(&mut self.asm, Width::W64);
        self.asm.bind(word_is_copied);
        self.asm.alu_ri(Alu::Add, Width::W64, on_stack.any(), 8);
        self.asm.jmp_label(end);
        self.asm.bind(vector);
        match direction {
            Direction::ToStack => {
                self.load_vector(VECTOR_TEMP, in_array, 0);
                self.asm.movups_mr(of_stack, VECTOR_TEMP);
            }
            Direction::ToArray => self.copy(&ValType::V128, of_array, of_stack, temp),
        }
        self.asm.alu_ri(Alu::Add, Width::W64, on_stack.any(), 16);
        self.asm.bind(end);
        self.asm.alu_ri(Alu::Add, Width::W64, in_array.any(), VALUE_BYTES as i32);
        self.asm.alu_ri(Alu::Add, Width::W32, index.any(), 1);
        self.asm.alu_ri(Alu::Cmp, Width::W32, index.any(), types.len() as i32);
        self.asm.jcc(Cond::NotEqual, next);
    }

    /// The table of a loop, and the offset of the upper bits in it. In whole words, as `bt` reads it (SDM Vol. 2, BT).
    fn table_of(&mut self, types: &[ValType], places: &[Place]) -> (Label, i32) {
        let words = types.len().div_ceil(64);
        let mut table = vec![0; 2 * words];
        for (index, (ty, place)) in types.iter().zip(places).enumerate() {
            let kind: u64 = match (place, ty) {
                (Place::Gpr(_) | Place::Xmm(_), _) => 0,
                (Place::Stack(_), ValType::I32) => 1,
                (Place::Stack(_), ValType::V128) => 3,
                (Place::Stack(_), _) => 2,
            };
            table[index / 64] |= (kind & 1) << (index % 64);
            table[words + index / 64] |= (kind >> 1) << (index % 64);
        }
        let label = self.asm.label();
        self.tables.push((label, table));
        (label, 8 * words as i32)
    }

    /// Writes the tables of the loops, after the code.
    fn tables(&mut self) {
        for (label, table) in std::mem::take(&mut self.tables) {
            self.asm.align(8);
            self.asm.bind(label);
            table.into_iter().for_each(|word| _ = self.asm.u64(word));
        }
    }

    fn add_to_sp(&mut self, bytes: i32) {
        match bytes {
            0 => {}
            ..0 => _ = self.asm.alu_ri(Alu::Sub, Width::W64, rsp.any(), -bytes),
            _ => _ = self.asm.alu_ri(Alu::Add, Width::W64, rsp.any(), bytes),
        }
    }

    fn return_from(&mut self) {
        match u16::try_from(self.layout.arg_bytes).expect("at most 1,000 parameters of 16 bytes") {
            0 => _ = self.asm.ret(),
            bytes => _ = self.asm.ret_i(bytes),
        }
    }

    /// See [`SignatureStubs::entry_offset`].
    fn entry(&mut self) {
        let (ty, layout) = (self.ty, self.layout);
        let (args, results) = (layout.arg_bytes as i32, layout.result_bytes as i32);
        self.add_to_sp(-(args + results));
        self.load(rbx, ty.params(), &layout.params, 0, r11);
        self.asm.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
        self.asm.call_r(rax.any());
        self.asm.u64(RESTORES_CONTEXT);
        self.store(rbx, ty.results(), &layout.results, -args, r11);
        self.add_to_sp(results);
        self.asm.ret();
    }

    /// See [`SignatureStubs::foreign_offset`]. Stack arguments and results are copied: a second return address lies
    /// between them and the callee. r15 is free until the callee's heap is known, and after the call.
    fn foreign(&mut self) -> (u32, u32) {
        let (results, temp) = (self.layout.result_bytes as i32, HEAP);
        self.asm.push_r(CONTEXT.any());
        self.foreign_arguments(temp);
        self.asm.mov_rm(Width::W64, CONTEXT.any(), Addr::base_disp(CALLEE.any(), RECORD_INSTANCE));
        self.asm.mov_rm(Width::W64, temp.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
        self.asm.call_m(Addr::base_disp(CALLEE.any(), RECORD_CODE));
        let return_offset = self.asm.pos() as u32;
        self.asm.u64(RESTORES_CONTEXT);
        self.foreign_results(temp);
        self.add_to_sp(results);
        self.asm.pop_r(CONTEXT.any());
        self.asm.mov_rm(Width::W64, temp.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
        self.return_from();
        (return_offset, (results + 8) as u32)
    }

    /// Makes room for the callee's arguments and results, and copies the arguments from where the caller put them: a context and a
    /// return address are between. Many are copied word by word, which holds up a callee that reads a vector at once.
    fn foreign_arguments(&mut self, temp: Gp64) {
        let (args, results) = (self.layout.arg_bytes as i32, self.layout.result_bytes as i32);
        if stack_places(&self.layout.params) <= UNROLLED {
            self.add_to_sp(-(args + results));
            for (ty, place) in self.ty.params().iter().zip(&self.layout.params) {
                if let Place::Stack(at) = *place {
                    self.copy(ty, stack(at as i32), stack(args + results + 16 + at as i32), temp);
                }
            }
            return;
        }
        self.add_to_sp(-results);
        let next = self.asm.label();
        self.asm.mov_ri(Width::W32, temp.any(), i64::from(args / 8));
        self.asm.bind(next);
        // The last word first. The address counts from rsp before the push (SDM Vol. 2, PUSH), so it is the same for each.
        self.asm.push_m(stack(args + results + 8));
        self.asm.alu_ri(Alu::Sub, Width::W32, temp.any(), 1);
        self.asm.jcc(Cond::NotEqual, next);
    }

    /// Copies the results to where the caller expects them. The callee has popped its arguments, which the places count.
    fn foreign_results(&mut self, temp: Gp64) {
        let (args, results) = (self.layout.arg_bytes as i32, self.layout.result_bytes as i32);
        let outer = results + 16 + args;
        if stack_places(&self.layout.results) <= UNROLLED {
            for (ty, place) in self.ty.results().iter().zip(&self.layout.results) {
                if let Place::Stack(at) = *place {
                    let at = at as i32 - args;
                    self.copy(ty, stack(outer + at), stack(at), temp);
                }
            }
            return;
        }
        // No result is in rdi, and it is the caller's to save.
        let (next, rest) = (self.asm.label(), rdi);
        let word = |at: i32| Addr::base_index(rsp.any(), rest, Scale::X8, at - 8);
        self.asm.mov_ri(Width::W32, rest.any(), i64::from(results / 8));
        self.asm.bind(next);
        self.asm.mov_rm(Width::W64, temp.any(), word(0));
        self.asm.mov_mr(Width::W64, word(outer), temp.any());
        self.asm.alu_ri(Alu::Sub, Width::W32, rest.any(), 1);
        self.asm.jcc(Cond::NotEqual, next);
    }

    /// See [`HostStub`].
    fn host(&mut self) {
        let (ty, layout) = (self.ty, self.layout);
        let values = ty.params().len().max(ty.results().len()) as i32 * VALUE_BYTES as i32;
        // To the caller's return address: the array and r11.
        let frame = values + 8;
        self.asm.push_r(r11.any());
        self.add_to_sp(-values);
        self.asm.mov_rr(Width::W64, WASM_SP.any(), rsp.any());
        if ty.params().is_empty() && values > 0 {
            // **Escape:** results are written by the host, which must not run into the stack's guard: this does.
            self.asm.mov_mr(Width::W64, value(WASM_SP, 0), WASM_SP.any());
        }
        self.store(WASM_SP, ty.params(), &layout.params, frame + 8, r11);
        self.asm.mov_rr(Width::W64, rdi.any(), CALLEE.any());
        self.asm.mov_rr(Width::W64, rsi.any(), CONTEXT.any());
        self.asm.mov_rr(Width::W64, rdx.any(), WASM_SP.any());
        leave_wasm_stack(&mut self.asm, frame, layout.arg_bytes);
        self.asm.call_m(Addr::base_disp(rdi.any(), RECORD_CODE));
        self.asm.mov_rr(Width::W64, rsp.any(), WASM_SP.any());
        let trapped = self.asm.label();
        self.asm.test_rr(Width::W32, rax.any(), rax.any());
        self.asm.jcc(Cond::NotEqual, trapped);
        self.load(WASM_SP, ty.results(), &layout.results, frame + 8, r11);
        self.asm.mov_rm(Width::W64, HEAP.any(), Addr::base_disp(CONTEXT.any(), CONTEXT_HEAP));
        self.add_to_sp(values);
        self.asm.pop_r(r11.any());
        self.return_from();
        self.asm.bind(trapped);
        self.add_to_sp(values);
        leave(&mut self.asm);
    }
}
