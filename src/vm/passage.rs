//! Frames that an exception passes, remembered.

/// How a frame goes that does not catch the exception.
#[derive(Clone, Copy)]
pub(super) struct Passage {
    /// From rsp behind the call to the return address.
    pub(super) bytes: u32,
    /// What goes with the return address.
    pub(super) popped: u32,
    /// Where what it pushed is.
    pub(super) saved: Saved,
}

#[derive(Clone, Copy)]
pub(super) enum Saved {
    /// As in [`FunctionCode::saved`](crate::abi::positions::FunctionCode::saved).
    Registers(u8),
    /// Directly below its return address a foreign entry saves its caller's context.
    Context,
}

/// Frames that catch nothing and were passed lately, by their return addresses: they are looked for again and again, and a store keeps its code.
#[derive(Default)]
pub(super) struct Passages(Vec<Option<(usize, Passage)>>);

impl Passages {
    const COUNT: usize = 128;

    pub(super) fn get(&self, pc: usize) -> Option<Passage> {
        match self.0.get(Passages::place(pc))? {
            Some((known, passage)) if *known == pc => Some(*passage),
            _ => None,
        }
    }

    pub(super) fn add(&mut self, pc: usize, passage: Passage) {
        if self.0.is_empty() && self.0.try_reserve_exact(Passages::COUNT).is_ok() {
            self.0.resize(Passages::COUNT, None);
        }
        if let Some(place) = self.0.get_mut(Passages::place(pc)) {
            *place = Some((pc, passage));
        }
    }

    /// Functions begin at multiples of 32.
    fn place(pc: usize) -> usize {
        (pc ^ pc >> 5) % Passages::COUNT
    }
}
