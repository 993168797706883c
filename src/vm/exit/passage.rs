//! Frames that an exception passes, remembered.

/// How a frame goes that does not catch the exception.
#[derive(Clone, Copy)]
pub(in crate::vm) struct Passage {
    /// From rsp behind the call to the return address.
    pub(in crate::vm) bytes: u32,
    /// What goes with the return address.
    pub(in crate::vm) popped: u32,
    /// Where what it pushed is.
    pub(in crate::vm) saved: Saved,
}

#[derive(Clone, Copy)]
pub(in crate::vm) enum Saved {
    /// As in [`FunctionCode::saved`](crate::abi::positions::FunctionCode::saved).
    Registers(u8),
    /// Directly below its return address a foreign entry saves its caller's context.
    Context,
}

/// Frames that catch nothing and were passed lately, by their return addresses: they are looked for again and again, and a store keeps its code.
#[derive(Default)]
pub(in crate::vm) struct Passages(Vec<Option<(usize, Passage)>>);

impl Passages {
    const COUNT: usize = 128;

    pub(in crate::vm) fn get(&self, pc: usize) -> Option<Passage> {
        match self.0.get(Passages::place(pc))? {
            Some((known, passage)) if *known == pc => Some(*passage),
            _ => None,
        }
    }

    pub(in crate::vm) fn add(&mut self, pc: usize, passage: Passage) {
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
