//! Code with what it needs of a processor: emitted and decoded everywhere, run where it can be.

#[path = "../../examples/executable/mod.rs"]
pub mod executable;

use std::sync::LazyLock;

use executable::Executable;
use iced_x86::{Decoder, DecoderOptions};
use planish_asm::{Features, metadata};

/// What this processor has. Under a hypervisor it takes milliseconds to find out.
static HERE: LazyLock<Features> = LazyLock::new(Features::detect);

/// Executable code.
pub struct Program {
    executable: Executable,
    needs: Features,
}

impl Program {
    /// The code, which must be nothing but instructions, on whatever processor.
    pub fn new(code: &[u8]) -> Program {
        for instruction in Decoder::with_ip(64, code, 0, DecoderOptions::NONE) {
            assert!(!instruction.is_invalid(), "at {:#x} of {code:02X?}", instruction.ip());
        }
        let needs = metadata::needs(code).unwrap_or_else(|error| panic!("{error:?} of {code:02X?}"));
        Program { executable: Executable::new(code).expect("executable memory"), needs }
    }

    /// Whether this processor has all instructions of the code.
    pub fn runs_here(&self) -> bool {
        HERE.contains(self.needs)
    }

    /// Address of the code, to call it at.
    ///
    /// # Panics
    ///
    /// If this processor lacks an instruction.
    pub fn address(&self) -> *const u8 {
        assert!(self.runs_here(), "missing: {}", HERE.missing(self.needs));
        self.executable.address()
    }
}
