//! The texts at the heads of the generated modules: the naming rules, which are public API.

/// At the head of the forms.
pub const NAMING: &str = "\
One function per instruction form, generated from the tables in `isa/`. A form function emits exactly its own row, also
where another row would be shorter; the mnemonic layer chooses.

# Names

`[prefix_]mnemonic[_operand]..[_altN]`, the operands in Intel order:

| part | operand | Rust type |
| --- | --- | --- |
| `r8 r16 r32 r64` | general register | [`R8`](crate::R8) .. [`R64`](crate::R64) |
| `r8hi` | `ah ch dh bh`; another operand that needs a REX prefix is an error of `finish` | [`R8Hi`](crate::R8Hi) |
| `r8x r16x r32x r64x` | general register 0 to 31 of APX | [`R8X`](crate::R8X) .. [`R64X`](crate::R64X) |
| `xmm ymm` | vector register 0 to 15 | [`Xmm`](crate::Xmm), [`Ymm`](crate::Ymm) |
| `xmmx ymmx zmm` | vector register 0 to 31 | [`XmmX`](crate::XmmX), [`YmmX`](crate::YmmX), [`ZmmX`](crate::ZmmX) |
| the same and `k`, `m..`, `vm..` as destination | where the row takes a mask | [`Masked`](crate::Masked); [`Merged`](crate::Merged) where it must have one |
| `zmm_er xmmx_sae r64_er` .. | register with a rounding mode, or with suppressed exceptions | [`Rounded`](crate::Rounded), [`Sae`](crate::Sae) |
| `m512b32` .. | an element of 32 bits, broadcast to 512 | [`Bcst`](crate::Bcst) |
| `k kpair mm st tmm seg cr dr` | mask, MMX, x87, tile, segment, control, debug register | [`K`](crate::K) .. [`Dr`](crate::Dr) |
| `m8` .. `m4096`, `m32fp m16int` .. | memory of that many bits | [`Mem`](crate::Mem) |
| `m16_16 m16_32 m16_64` | far pointer: offset and selector | `Mem<32> Mem<48> Mem<80>` |
| `m16_64` of `lgdt` | limit and base | `Mem<80>` |
| `m` | address only, or data whose size the processor knows | [`Addr`](crate::Addr) |
| `vm32x vm64y` .. | vector-indexed memory | [`VAddr`](crate::VAddr) |
| `imm8 imm16 imm32 imm64` | immediate of the operand's own width, or a count or selector | `iN` for values, `uN` for counts and selectors |
| `imm8s imm32s` | immediate that is sign-extended to the operand's width | `i8 i32` |
| `dfv` | default flags of `ccmp` and `ctest` | [`Flags`](crate::Flags) |
| `rel8 rel32` | branch target, short or near | [`Label`](crate::Label) |
| `rel16` | branch distance from the end of the instruction | `i16` |
| `moffs8` .. `moffs64` | memory at an absolute 64-bit address | `u64` |
| `al ax eax rax cl dx st0 fs gs 1` | that register or constant; no parameter | |

Operands that an instruction implies are not in the name: `blendvps_xmm_xmm`, `movsb`. The string instructions `movsd` and
`cmpsd`, whose mnemonics SSE2 has too, are `movsd_string` and `cmpsd_string`.

Memory operands are one class, whatever the address: `[base + index]`, `[rip + label]` and absolute ones share the function.

Rows that read alike get `_alt`, `_alt2` .. after the preferred one: `add_r64_r64` is `01 /r`, `add_r64_r64_alt` is `03 /r`.

Prefixes with a meaning are part of the name: `lock_add_m64_r64`, `rep_movsb`, `repne_scasb`; and, in the feature `prefixed`,
`xacquire_lock_add_m64_r64`, `xrelease_mov_m64_r64`, `bnd_jmp_rel32`, `notrack_jmp_r64`, `taken_jne_rel8`, `not_taken_jne_rel8`.

APX (feature `apx`) has forms only: `add_r64x_r64x_r64x` with a destination of its own, `nf_add_r64x_r64x` that leaves the flags
alone, `ccmpz_r64x_r64x_dfv`. Its registers from 16 up are in addresses by [`Addr::extended_base`](crate::Addr::extended_base).

Registers that must differ (gathers, tile products, complex half-precision products) and do not are an error of `finish`, as are
a move to `cs` and address registers that are not as wide as the row's address size (`movdir64b_r32_m512`).

`xchg_r32_eax` of `eax` is `90`, which is `nop` and does not clear the upper half: `xchg_r32_r32` does.

```
use planish_asm::{Asm, mem::qword, regs::*};

let mut code = [0; 32];
let mut a = Asm::new(&mut code, &mut []);
a.add_r64_r64(rax.any(), rcx.any()).add_r64_r64_alt(rax.any(), rcx.any());
a.add_r64_imm8s(rax.any(), 1).add_rax_imm32s(1).lock_add_m64_imm8s(qword(rdi), 1);
assert_eq!(
    a.finish()?,
    [
        0x48, 0x01, 0xC8, 0x48, 0x03, 0xC1, //
        0x48, 0x83, 0xC0, 1, 0x48, 0x05, 1, 0, 0, 0, 0xF0, 0x48, 0x83, 0x07, 1,
    ]
);
# Ok::<(), planish_asm::AsmError>(())
```

Every form is a `const fn`, so a stub can be a constant:

```
use planish_asm::{Asm, regs::*};

const STUB: [u8; 4] = {
    let mut code = [0; 4];
    let mut a = Asm::new(&mut code, &mut []);
    a.mov_r64_r64(rax.any(), rdi.any()).ret();
    assert!(a.finish().is_ok());
    code
};
assert_eq!(STUB, [0x48, 0x89, 0xF8, 0xC3]);
```";

/// At the head of the mnemonics.
pub const RULE: &str = "\
The mnemonics, overloaded by operand types: `a.add(rax, rbx)`, `a.add(eax, dword(rbx + rcx * 4 + 8))`, `a.add(rax, 5)`.

A mnemonic emits the shortest of its forms: sign-extended byte immediates, the accumulator's own opcodes, shifts by one,
the two-byte VEX prefix (exchanging sources where the result is the same), and 32-bit moves of small 64-bit constants.

- Registers: the classes of [`regs`](crate::regs) and the general ones (`Gp64`, `Rsp` and `R64`, ..).
- Memory: `dword(..)` and its kin; a plain [`Addr`](crate::Addr) where the other operands fix the width.
- Immediates have one type per operand width, so literals need no suffix and a value that does not fit does not compile:
  `i8 i16 i32` for 8, 16 and 32 bits, `i32` (sign-extended) for 64, `i64` for `mov` to a 64-bit register; counts and
  selectors are `u8`.
- A shift by `cl` is `shl_cl(rax)`. Far transfers are `call_far`, `jmp_far`.
- A mnemonic without operands is the form itself: `ret()`. Where operand counts differ, the plain name is the one without
  operands if there is one, else the one with two; the others say their number: `imul_1(rcx)`, `imul(rax, rcx)`,
  `imul_3(rax, rcx, 10)`, `ret_1(8)`, `vmovsd_3(xmm0, xmm1, xmm2)`.
- With a prefix: `lock_add(dword(rdi), eax)`.
- Masks, zeroing, broadcasts and rounding are [decorators](crate::decorate): `vaddps(zmm1.k(k2).z(), zmm3, dword(rax).to16())`.
  EVEX is taken where something asks for it: a decorator, a register from 16 up, `zmm`, or a mnemonic that VEX has not.
- Where a row fixes every register, the form is the mnemonic: `in_al_dx()`, `push_fs()`, `fnstsw_ax()`.
- `loop` is a Rust word: `loop_`.

```
use planish_asm::{Asm, LabelSlot, mem::dword, regs::*};

let (mut code, mut labels) = ([0; 64], [LabelSlot::EMPTY; 1]);
let mut a = Asm::new(&mut code, &mut labels);
let top = a.label();
a.bind(top);
a.mov(rcx, 5).add(eax, dword(rbx + rcx * 4 + 8)).add(rax, 1000).vpaddd(xmm0, xmm1, xmm9).shl(rdx, 1).jne(top);
assert_eq!(
    a.finish()?,
    [
        0xB9, 5, 0, 0, 0, // not the 7 or 10 bytes of the 64-bit rows
        0x03, 0x44, 0x8B, 8, // base, index, scale, disp8
        0x48, 0x05, 0xE8, 3, 0, 0, // the accumulator's opcode
        0xC5, 0xB1, 0xFE, 0xC1, // the sources exchanged for a two-byte VEX prefix
        0x48, 0xD1, 0xE2, 0x75, 0xE8,
    ]
);
# Ok::<(), planish_asm::AsmError>(())
```

Mixed widths, unclear widths, wrong classes and immediates that do not fit do not compile:

```compile_fail,E0277
# use planish_asm::{Asm, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.add(rax, ebx);
```
```compile_fail,E0277
# use planish_asm::{Asm, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.add(rax + 8, 5);
```
```compile_fail,E0277
# use planish_asm::{Asm, mem::dword, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.add(rax, dword(rbx));
```
```compile_fail,E0277
# use planish_asm::{Asm, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.add(rax, xmm0);
```
```compile_fail
# use planish_asm::{Asm, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.add(al, 300); // literal out of range for `i8`
```
```compile_fail
# use planish_asm::{Asm, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.add(rax, 0x1_0000_0000); // literal out of range for `i32`
```
```compile_fail,E0308
# use planish_asm::{Asm, regs::*};
# let mut a = Asm::new(&mut [], &mut []);
a.shl(rax, rcx);
```";
