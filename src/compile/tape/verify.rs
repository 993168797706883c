//! Checks that a finished tape keeps the rules that the emitter relies on. In the order in which an entry is checked:
//!
//! 1. Its operands exist as its operation's [row](super::operands) says.
//! 2. An entry that needs a partner is followed by it, and a partner follows no other entry.
//! 3. A label's entry is where the table of labels says, and a branch goes to a label that is bound. What follows an entry
//!    that does not go on is a label, or says which handler comes.
//! 4. A temp is written once and read once, and no label lies in between.
//! 5. A variable is accessed within its interval, which holds the loops that it lives in whole.
//!
//! And of each operator:
//!
//! 6. It has one trap offset, its own, for each of its entries that traps.

use super::entry::{Entry, LabelInfo, ListItem, Op, Ref, Tape, Variable};
use super::operands::{Number, Operand, class_name};
use super::origins::Origins;
use std::fmt;

/// A rule that is broken.
#[derive(Debug)]
pub(in crate::compile) struct Broken {
    entry: usize,
    /// The entry as text.
    text: String,
    /// The operator that recorded it, as text.
    origin: String,
    rule: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Broken { entry, text, origin, rule } = self;
        write!(f, "entry {entry} (`{text}`{origin}): {rule}")
    }
}

/// Checks a tape; what is wrong with it, at the first entry with which something is.
pub(in crate::compile) fn verify(tape: &Tape, origins: &Origins) -> Result<(), Broken> {
    let broken = |(entry, rule)| broken(tape, origins, entry, rule);
    Verifier::new(tape).entries().map_err(broken)?;
    trap_offsets(tape, origins).map_err(broken)
}

/// What breaks a rule at an entry.
pub(in crate::compile) fn broken(tape: &Tape, origins: &Origins, entry: usize, rule: String) -> Broken {
    let text = tape.entries.get(entry).map_or("the end of the tape".to_owned(), |e| tape.text_of(e));
    let origin = origins.of(entry).map_or(String::new(), |origin| {
        format!(", of the operator at {:#x}, scanned by its {} handler", origin.wasm_offset, origin.way.name())
    });
    Broken { entry, text, origin, rule }
}

/// What became of a temp.
#[derive(Clone, Copy)]
enum Temp {
    /// Nothing yet, or it was alive where an entry did not go on.
    Unwritten,
    /// By this entry.
    Written(usize),
    Read(usize),
}

struct Verifier<'a> {
    tape: &'a Tape,
    temps: Vec<Temp>,
    /// How many are written.
    alive: usize,
    /// The loops around the current entry: their first entry, and the one after their last.
    loops: Vec<(u32, u32)>,
}

type Checked = Result<(), String>;

fn ensure(holds: bool, rule: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(rule()) }
}

impl Verifier<'_> {
    fn new(tape: &Tape) -> Verifier<'_> {
        Verifier { tape, temps: vec![Temp::Unwritten; tape.temps as usize], alive: 0, loops: Vec::new() }
    }

    fn entries(mut self) -> Result<(), (usize, String)> {
        let tape = self.tape;
        for (at, e) in tape.entries.iter().enumerate() {
            self.entry(at, e).map_err(|rule| (at, rule))?;
        }
        // Where a block that catches ended, code that is not reached would be in another handler.
        match tape.entries.iter().rfind(|e| e.op != Op::Handler) {
            Some(last) if last.op.leaves() => Ok(()),
            _ => Err((tape.entries.len(), "the last entry goes on".to_owned())),
        }
    }

    fn entry(&mut self, at: usize, e: &Entry) -> Checked {
        self.operands(e)?;
        self.partner(at, e)?;
        self.control(at, e)?;
        for value in self.tape.reads(e) {
            self.read(at, value)?;
        }
        for value in self.tape.writes(e) {
            self.write(at, value)?;
        }
        if e.op.leaves() {
            self.abandon();
        }
        Ok(())
    }

    // Operands.

    fn operands(&self, e: &Entry) -> Checked {
        let shape = e.op.shape();
        for (name, operand, value) in [("dst", shape.dst, e.dst), ("a", shape.a, e.a), ("b", shape.b, e.b)] {
            self.operand(name, operand, value)?;
        }
        if e.op.number() == Number::Value {
            self.value("imm", Ref::from_item(e.imm))?;
        }
        let writes = |value: Ref| ensure(value.is_place(), || format!("writes {value:?}, which is no place"));
        self.tape.writes(e).try_for_each(writes)?;
        self.tape.reads(e).try_for_each(|value| self.value("a value", value))
    }

    fn operand(&self, name: &str, operand: Operand, value: Ref) -> Checked {
        let exists = value != Ref::NOTHING;
        match operand {
            Operand::Value => ensure(exists, || format!("{name} is missing")),
            Operand::Nothing => ensure(!exists, || format!("{name} is {value:?}, where nothing should be")),
            Operand::Maybe => Ok(()),
            Operand::Arguments(_) => self.list(name, value.to_item()),
            Operand::Results if exists => self.list(name, value.to_item()),
            Operand::Results => Ok(()),
        }
    }

    fn list(&self, name: &str, at: ListItem) -> Checked {
        let lists = &self.tape.lists;
        let end = lists.get(at as usize).map(|&count| at as usize + 1 + count as usize);
        ensure(end.is_some_and(|end| end <= lists.len()), || format!("{name} is no list: {at} of {}", lists.len()))
    }

    /// A value exists: the variable, temp or constant.
    fn value(&self, name: &str, value: Ref) -> Checked {
        let exists = match (value.as_var(), value.as_temp()) {
            (Some(var), _) => (var as usize) < self.tape.variables.len(),
            (_, Some(temp)) => (temp as usize) < self.temps.len(),
            _ if value.as_small().is_some() => true,
            _ => value.is_const() && !value.is_lazy() && (value.payload() as usize) < self.tape.pool.len(),
        };
        ensure(exists, || format!("{name} is {value:?}, which there is not"))
    }

    fn partner(&self, at: usize, e: &Entry) -> Checked {
        let before = at.checked_sub(1).map(|at| self.tape.entries[at].op);
        if e.op.is_partner() {
            ensure(before.is_some_and(|before| before.is_followed_by(e.op)), || "its partner is missing".to_owned())?;
        }
        if e.op.has_partner() {
            let next = self.tape.entries.get(at + 1).map(|next| next.op);
            let follows = next.is_some_and(|next| e.op.is_followed_by(next));
            ensure(follows, || format!("its partner does not follow, but {next:?}"))?;
        }
        if e.op == Op::Memarg {
            let count = self.tape.memargs.len();
            ensure((e.imm as usize) < count, || format!("there are {count} of these accesses"))?;
        }
        ensure(before != Some(Op::Memarg) || e.imm == 0, || "an offset beside the one announced".to_owned())
    }

    // Control.

    fn control(&mut self, at: usize, e: &Entry) -> Checked {
        let before = at.checked_sub(1).map(|at| self.tape.entries[at].op);
        let is_reached = before.is_none_or(|before| !before.leaves()) || matches!(e.op, Op::Label | Op::Handler);
        ensure(is_reached, || "is never reached".to_owned())?;
        match e.op.number() {
            Number::Label => self.label(e.imm)?,
            Number::Values => self.list("imm", e.imm)?,
            Number::Labels => {
                self.list("imm", e.imm)?;
                self.tape.list(e.imm).iter().try_for_each(|&label| self.label(label))?;
            }
            Number::Plain | Number::Value => {}
        }
        while self.loops.last().is_some_and(|innermost| innermost.1 as usize <= at) {
            self.loops.pop();
        }
        if e.op == Op::Label {
            self.bind(at, self.tape.labels[e.imm as usize])?;
        }
        Ok(())
    }

    /// A label is bound somewhere.
    fn label(&self, label: u32) -> Checked {
        let bound = self.tape.labels.get(label as usize).and_then(|info| self.tape.entries.get(info.entry as usize));
        let is_bound = bound.is_some_and(|entry| entry.op == Op::Label && entry.imm == label);
        ensure(is_bound, || format!("label {label} is not bound"))
    }

    fn bind(&mut self, at: usize, label: LabelInfo) -> Checked {
        ensure(label.entry as usize == at, || format!("is a label that entry {} binds", label.entry))?;
        if label.loop_end > 0 {
            self.loops.push((label.entry, label.loop_end));
        }
        if self.alive == 0 {
            return Ok(());
        }
        let alive = self.temps.iter().enumerate().find_map(|(temp, state)| match state {
            Temp::Written(by) => Some((temp, by)),
            Temp::Unwritten | Temp::Read(_) => None,
        });
        let (temp, by) = alive.expect("one that is counted");
        Err(format!("is a label while t{temp} is alive, which entry {by} wrote"))
    }

    // Values.

    fn read(&mut self, at: usize, value: Ref) -> Checked {
        if let Some(var) = value.as_var() {
            return self.access(at, var, self.tape.variables[var as usize].start);
        }
        let Some(temp) = value.as_temp() else { return Ok(()) };
        match std::mem::replace(&mut self.temps[temp as usize], Temp::Read(at)) {
            Temp::Written(_) => {
                self.alive -= 1;
                Ok(())
            }
            Temp::Read(by) => Err(format!("reads t{temp}, which entry {by} has read already")),
            Temp::Unwritten => Err(format!("reads t{temp}, which no entry has written")),
        }
    }

    fn write(&mut self, at: usize, value: Ref) -> Checked {
        if let Some(var) = value.as_var() {
            // The interval begins after the first write.
            return self.access(at, var, self.tape.variables[var as usize].start.saturating_sub(1));
        }
        let Some(temp) = value.as_temp() else { return Ok(()) };
        match std::mem::replace(&mut self.temps[temp as usize], Temp::Written(at)) {
            Temp::Written(by) => Err(format!("writes t{temp}, which entry {by} wrote and none has read")),
            Temp::Unwritten | Temp::Read(_) => {
                self.alive += 1;
                Ok(())
            }
        }
    }

    /// No temp is alive after an entry that does not go on.
    fn abandon(&mut self) {
        if self.alive > 0 {
            self.temps.fill(Temp::Unwritten);
            self.alive = 0;
        }
    }

    /// A variable is accessed, whose interval begins at `start` for such an access.
    fn access(&self, at: usize, var: u32, start: u32) -> Checked {
        let Variable { end, class, start: live_from, .. } = self.tape.variables[var as usize];
        let (at, class) = (at as u32, class_name(class));
        ensure((start..end).contains(&at), || {
            format!("accesses v{var} ({class}), which lives in entries {live_from} to {end} only")
        })?;
        // The outermost loop that began after the variable.
        let first = live_from.saturating_sub(1);
        let outermost = self.loops.partition_point(|around| around.0 < first);
        match self.loops.get(outermost) {
            Some(&(begin, loop_end)) if loop_end > end => Err(format!(
                "accesses v{var} ({class}) in the loop of entries {begin} to {loop_end}, but it lives in entries {live_from} to \
                 {end} only"
            )),
            _ => Ok(()),
        }
    }
}

fn trap_offsets(tape: &Tape, origins: &Origins) -> Result<(), (usize, String)> {
    let (mut entries, mut offsets) = (0, 0);
    for origin in &origins.0 {
        let own = entries..(origin.entries as usize).max(entries);
        let own_offsets = tape.offsets.get(offsets..origin.offsets as usize).unwrap_or_default();
        let traps = own.clone().filter(|&at| tape.entries[at].op.shape().traps);
        let (count, first) = (traps.clone().count(), traps.into_iter().next());
        let at = first.unwrap_or_else(|| own.end.saturating_sub(1));
        if own_offsets.len() != count {
            let has = own_offsets.len();
            return Err((at, format!("its operator has {has} trap offsets for {count} entries that trap")));
        }
        if own_offsets.iter().any(|&offset| offset != origin.wasm_offset) {
            return Err((at, format!("its trap offset is not its operator's: {own_offsets:x?}")));
        }
        (entries, offsets) = (own.end, origin.offsets as usize);
    }
    match (tape.entries.len(), tape.offsets.len()) == (entries, offsets) {
        true => Ok(()),
        false => Err((entries, "an entry or trap offset that no operator recorded".to_owned())),
    }
}
