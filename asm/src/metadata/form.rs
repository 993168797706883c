//! [`FORMS`], [`FormInfo`]: the forms and what each has besides operands.

use super::data;
use super::flags::FlagEffects;
use super::kinds::RowInfo;
use super::operand::{Implicit, Operand};
use super::text::text;
use crate::features::Features;

/// Every form that the assembler has, in the order of the tables. The functions of a table are there if its cargo feature is on.
pub static FORMS: [FormInfo; data::COUNT] = forms(&data::FORMS);

/// What is known of a form: one function of [`forms`](crate::forms).
#[derive(Clone, Copy)]
pub struct FormInfo {
    row: u16,
    list: u16,
    prefix: u8,
    /// How many forms of the same name come first; `nf_`, `_string`.
    ending: u8,
}

const fn forms<const N: usize>(words: &[u64; N]) -> [FormInfo; N] {
    let mut forms = [FormInfo { row: 0, list: 0, prefix: 0, ending: 0 }; N];
    let mut n = 0;
    while n < N {
        let word = words[n];
        forms[n] = FormInfo {
            row: (word >> 32) as u16,
            list: (word >> 16) as u16,
            prefix: (word >> 8) as u8,
            ending: word as u8,
        };
        n += 1;
    }
    forms
}

impl FormInfo {
    fn row(&self) -> &'static RowInfo {
        &data::ROWS[usize::from(self.row)]
    }

    fn fact(&self, n: u32) -> usize {
        (self.row().0[3] >> (8 * n) & 0xFF) as usize
    }

    /// The manual's name in small letters: `add`.
    pub fn mnemonic(&self) -> &'static str {
        text(self.row().0[0])
    }

    /// The name of the function: `add_r64_m64`.
    pub fn function(&self) -> FunctionName {
        FunctionName(*self)
    }

    /// The prefix that makes it a form of its own: `lock`, `repne`, `xacquire_lock`; or none.
    pub fn prefix(&self) -> &'static str {
        data::PREFIXES[usize::from(self.prefix)].trim_end_matches('_')
    }

    /// The operands of the row as the table has them: `rw:r64/m64, r64`.
    pub fn operand_text(&self) -> &'static str {
        text(self.row().0[1])
    }

    /// The encoding in the manual's notation: `REX.W 11 /r`.
    pub fn encoding(&self) -> &'static str {
        text(self.row().0[2])
    }

    /// The operands that the form's name lists, in Intel order.
    pub fn operands(&self) -> impl Iterator<Item = Operand> {
        data::LISTS[usize::from(self.list)]
            .iter()
            .filter(|&&number| number != 0)
            .map(|&number| Operand::new(number - 1))
    }

    /// Operands that the instruction implies.
    pub fn implicit(&self) -> impl Iterator<Item = Implicit> {
        data::IMPLICIT[self.fact(2)].split(',').filter(|text| !text.is_empty()).map(Implicit::new)
    }

    /// What the processor must have.
    pub fn features(&self) -> Features {
        data::FEATURES[self.fact(0)]
    }

    /// The same by the names of the table.
    pub fn cpuid(&self) -> impl Iterator<Item = &'static str> {
        data::CPUID[self.fact(0)].split_whitespace()
    }

    /// What it does to the flags.
    pub fn flags(&self) -> FlagEffects {
        data::FLAGS[self.fact(1)]
    }

    /// How common it is, from 0 (every compiler) to 3 (system, x87 and the like); 4 is newer than today's processors.
    pub fn tier(&self) -> u8 {
        self.fact(3) as u8 & 7
    }

    /// The instruction table that it stands in, which is the name of its cargo feature (but for rare prefixes: `prefixed`).
    pub fn table(&self) -> &'static str {
        data::TABLES[self.fact(3) >> 3]
    }
}

/// The row of the table: mnemonic, operands, encoding.
impl core::fmt::Display for FormInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let space = |text: &str| if text.is_empty() { "" } else { " " };
        for part in self.prefix().split('_').filter(|part| !part.is_empty()) {
            write!(f, "{part} ")?;
        }
        write!(f, "{}{}{} | {}", self.mnemonic(), space(self.operand_text()), self.operand_text(), self.encoding())
    }
}

impl core::fmt::Debug for FormInfo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FormInfo({})", self.function())
    }
}

/// The name of a form's function, put together when it is written.
///
/// ```
/// # use planish_asm::metadata::FORMS;
/// assert!(FORMS.iter().any(|form| form.function().to_string() == "vaddps_zmm_zmm_m512b32"));
/// ```
#[derive(Clone, Copy)]
pub struct FunctionName(FormInfo);

impl core::fmt::Display for FunctionName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let form = &self.0;
        f.write_str(data::PREFIXES[usize::from(form.prefix)])?;
        f.write_str(if form.ending & 0x40 != 0 { "nf_" } else { "" })?;
        f.write_str(form.mnemonic())?;
        f.write_str(if form.ending & 0x80 != 0 { "_string" } else { "" })?;
        for operand in form.operands() {
            write!(f, "_{}", operand.name())?;
        }
        match form.ending & 0x3F {
            0 => Ok(()),
            1 => f.write_str("_alt"),
            number => write!(f, "_alt{number}"),
        }
    }
}
