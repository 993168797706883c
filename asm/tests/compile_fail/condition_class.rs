//! A condition code of a floating-point comparison where the flags of an integer one are meant.
//! error: mismatched types

use planish_asm::{Asm, LabelSlot, Rounding};

fn main() {
    let mut labels = [LabelSlot::EMPTY; 1];
    let mut a = Asm::new(&mut [], &mut labels);
    let label = a.label();
    a.jcc(Rounding::Floor, label);
}
