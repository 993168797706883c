//! [`FORMS`]: what the instruction tables say of every form; [`needs`]: which processor features code asks for.
//!
//! ```
//! use planish_asm::metadata::{Access, FORMS, FlagSet, OperandKind};
//! use planish_asm::Features;
//!
//! let form = FORMS.iter().find(|form| form.function().to_string() == "lock_adc_m64_r64").expect("a form");
//! assert_eq!(form.to_string(), "lock adc rw:r64/m64, r64 | REX.W 11 /r");
//! assert_eq!((form.mnemonic(), form.prefix(), form.features()), ("adc", "lock", Features::NONE));
//! let flags = form.flags();
//! assert_eq!((flags.read, flags.written), (FlagSet::CF, FlagSet::STATUS));
//! let [memory, register] = [0, 1].map(|n| form.operands().nth(n).expect("two operands"));
//! assert_eq!((memory.kind(), memory.bits(), memory.access()), (OperandKind::Memory, 64, Access::ReadWrite));
//! assert_eq!((register.kind(), register.name(), register.access()), (OperandKind::Register, "r64", Access::Read));
//! ```

#[rustfmt::skip]
mod data;
mod decode;
mod flags;
mod form;
mod kinds;
mod operand;
mod text;

pub use decode::{Undecoded, decode, needs};
pub use flags::{FlagEffects, FlagSet};
pub use form::{FORMS, FormInfo, FunctionName};
pub use kinds::{Decoration, OperandKind};
pub use operand::{Access, Implicit, Operand};
