//! What a version of LLVM does not know or reads otherwise than we do, and who is right.

use std::ops::RangeInclusive;

use planish_asm_gen::form::Form;
use planish_asm_gen::row::{Row, Space};

/// How LLVM differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It does not take the bytes for an instruction.
    Unknown,
    /// It reads other operands.
    Otherwise,
}

/// A difference that is no mistake of ours.
pub struct Excuse {
    /// The versions of LLVM that have it.
    pub versions: RangeInclusive<u32>,
    what: What,
    /// Whether it concerns this form with these bytes.
    fits: fn(&Row, &Form, &[u8]) -> bool,
    /// Why it is none.
    pub reason: &'static str,
}

/// The number of the excuse for a difference, if there is one.
pub fn find(what: What, version: u32, row: &Row, form: &Form, code: &[u8]) -> Option<usize> {
    let is_it =
        |excuse: &Excuse| excuse.what == what && excuse.versions.contains(&version) && (excuse.fits)(row, form, code);
    EXCUSES.iter().position(is_it)
}

const ALL: RangeInclusive<u32> = 13..=22;

/// Whether the form's name starts with one of these.
fn named(form: &Form, starts: &[&str]) -> bool {
    starts.iter().any(|start| form.name.starts_with(start))
}

/// Whether the row needs one of these features.
fn needs(row: &Row, features: &[&str]) -> bool {
    row.cpuid.iter().any(|name| features.contains(&name.as_str()))
}

const AVX10_2: &[&str] = &[
    "AVX10_2_BF16",
    "AVX10_MOVRS",
    "AVX512_COM_EF",
    "AVX512_FP16_CONVERT",
    "AVX512_FP8_CONVERT",
    "AVX512_MEDIAX",
    "AVX512_MINMAX",
    "AVX512_MOVZXC",
    "AVX512_SAT_CVT",
    "AVX512_SAT_CVT_DS",
    "AVX512_VNNI_FP16",
    "AVX512_VNNI_INT16",
    "AVX512_VNNI_INT8",
];

#[rustfmt::skip]
/// All of them.
pub const EXCUSES: &[Excuse] = &[
    // Newer than LLVM.
    Excuse { versions: 13..=13, what: What::Unknown, fits: |row, _, _| needs(row, &["AVX512_FP16"]),
        reason: "AVX512-FP16 came with LLVM 14" },
    Excuse { versions: 13..=14, what: What::Unknown, fits: |row, _, _| needs(row, &["RDPRU"]),
        reason: "RDPRU came with LLVM 15" },
    Excuse { versions: 13..=15, what: What::Unknown,
        fits: |row, _, _| needs(row, &["AMX_FP16", "AVX_IFMA", "AVX_NE_CONVERT", "AVX_VNNI_INT8", "CMPCCXADD", "MSRLIST",
            "PREFETCHITI", "RAO_INT", "WRMSRNS"]),
        reason: "the extensions of Granite Rapids, Sierra Forest and Grand Ridge came with LLVM 16" },
    Excuse { versions: 13..=16, what: What::Unknown,
        fits: |row, _, _| needs(row, &["AMX_COMPLEX", "SHA512", "SM3", "AVX_VNNI_INT16", "FRED", "LKGS", "RMPQUERY", "TSE",
            "USER_MSR"]) || (needs(row, &["SM4"]) && row.encoding.space == Space::Vex),
        reason: "the extensions of Arrow Lake and Lunar Lake, FRED and USER_MSR came with LLVM 17 to 19" },
    Excuse { versions: 13..=16, what: What::Unknown, fits: |row, _, _| row.table == "apx",
        reason: "APX came with LLVM 18 and 19" },
    Excuse { versions: 13..=19, what: What::Unknown,
        fits: |row, _, _| needs(row, AVX10_2) || (needs(row, &["SM4"]) && row.encoding.space == Space::Evex),
        reason: "AVX10.2 came with LLVM 20" },
    Excuse { versions: 13..=19, what: What::Unknown,
        fits: |row, _, _| needs(row, &["AMX_AVX512", "AMX_FP8", "AMX_MOVRS", "APX_F_AMX_MOVRS", "MOVRS", "APX_F_MOVRS",
            "MSR_IMM", "APX_F_MSR_IMM"]),
        reason: "the extensions of Diamond Rapids came with LLVM 20" },
    Excuse { versions: ALL, what: What::Unknown, fits: |row, _, _| needs(row, &["ACE_1", "AVX10_V2_AUX"]),
        reason: "ACE and the second part of AVX10 are newer than LLVM 22" },

    // LLVM is wrong, or knows less than the manual.
    Excuse { versions: ALL, what: What::Unknown, fits: |_, form, _| named(form, &["int1", "ud0_"]),
        reason: "F1 and 0F FF /r are not in LLVM's tables (SDM Vol. 2, INT n and UD)" },
    Excuse { versions: 14..=22, what: What::Unknown,
        fits: |_, form, _| named(form, &["vmovw_m16_xmmx_alt", "vmovw_xmmx_m16_alt"]),
        reason: "EVEX.W of VMOVW is ignored (SDM Vol. 2, VMOVW), but LLVM knows the memory forms with W0 alone" },
    Excuse { versions: 19..=22, what: What::Unknown, fits: |_, form, _| named(form, &["nf_imulzu_"]),
        reason: "IMULZU may leave the flags alone (APX specification, IMUL), LLVM has no such form" },
    Excuse { versions: 13..=14, what: What::Unknown,
        fits: |row, _, code| code[..2].contains(&0x67) && row.encoding.space == Space::Vex && row.encoding.prefixes == [0x66],
        reason: "LLVM took 67 in front of some VEX prefixes with pp = 66 for another instruction" },
    Excuse { versions: 13..=16, what: What::Otherwise, fits: |_, form, _| named(form, &["vmovq_m64_xmmx"]),
        reason: "LLVM scaled the displacement by 16 instead of by 8; the processor is asked by the test `addresses`" },
    Excuse { versions: 13..=19, what: What::Otherwise,
        fits: |_, form, _| named(form, &["vgf2p8affineqb_", "vgf2p8affineinvqb_"]) && form.name.contains("b64"),
        reason: "LLVM did not scale the displacement of a broadcast; the processor is asked by the test `addresses`" },
    Excuse { versions: 19..=22, what: What::Otherwise,
        fits: |row, form, _| {
            row.table == "apx" && named(form, &["set"]) && !named(form, &["setzu"]) && form.name.contains("_m8")
        },
        reason: "LLVM scales the displacement by 16; displacements in map 4 are not scaled (APX specification, 3.1.2.3)" },
    Excuse { versions: 22..=22, what: What::Otherwise,
        fits: |_, form, _| named(form, &["vmovd_xmmx_xmmx_alt", "vmovw_xmmx_xmmx_alt"]),
        reason: "LLVM takes ModRM.reg for the destination of the store opcodes D6 and 7E; it is ModRM.rm, as XED has it too" },

    Excuse { versions: 19..=22, what: What::Otherwise,
        fits: |_, form, _| named(form, &["urdmsr_r64_r64", "urdmsr_r64x_r64x"]),
        reason: "LLVM takes ModRM.reg for the destination; it is ModRM.rm, as XED and binutils have it too" },

    // The same in another notation.
    Excuse { versions: ALL, what: What::Otherwise,
        fits: |_, form, _| named(form, &["clzero", "invlpga", "invlpgb", "pvalidate", "skinit", "vmload",
            "vmrun", "vmsave", "xlatb"]),
        reason: "LLVM leaves out the implied operands" },
    Excuse { versions: ALL, what: What::Otherwise,
        fits: |_, form, _| named(form, &["lar_r32_r32", "lar_r64_r64", "lsl_r32_r32", "lsl_r64_r64",
            "mov_seg_r32", "mov_seg_r64", "movsxd_r16_r16"]),
        reason: "only 16 bits of the register are read; the two name it by different widths" },
    Excuse { versions: 19..=22, what: What::Otherwise, fits: |_, form, _| named(form, &["lkgs_r32", "lkgs_r64"]),
        reason: "LKGS reads 16 bits with every operand size; LLVM names them, as its manual does, iced the operand size" },
    Excuse { versions: 14..=22, what: What::Otherwise, fits: |_, form, _| named(form, &["vmovw_r64_xmmx", "vmovw_xmmx_r64"]),
        reason: "EVEX.W of VMOVW is ignored; LLVM takes it for the width of the register" },
];
