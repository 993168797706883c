//! The tape: one function as three-address entries over constants, variables and single-use temps.
//!
//! `scan` writes it, `assign` gives its variables homes, `emit` turns entry by entry into machine code.
//! At a [label](Op::Label) no temp is alive: what crosses a label is a variable.

pub(in crate::compile) use crate::compile::op::{Class, Convert, Int, Kind, Memarg, Op, Test};
use crate::types::TagIndex;

/// An operand. Variables and temps have the top bit clear and the lowest bit tells them apart, so that their numbers are
/// places in one table; the rest has two tag bits and thirty of payload. One of
///
/// * a variable, that is a local or merge variable: any number of reads and writes;
/// * a temp: written once, read once, with no label in between;
/// * a small integer, sign-extended to 64 bits;
/// * a place in [`Tape::pool`];
/// * on the scanner's stack only, the number of a value that is [not computed yet](Ref::lazy);
/// * [nothing](Ref::NOTHING).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::compile) struct Ref(u32);

const TAG_TEMP: u32 = 1;
/// What tells variables, temps and the rest apart.
const TAG_VALUE: u32 = 1 << 31 | TAG_TEMP;
const TAG_IMM: u32 = 2 << 30;
const TAG_POOL: u32 = 3 << 30;
/// Places of constants end below.
const TAG_LAZY: u32 = 0xE << 28;
const PAYLOAD: u32 = (1 << 30) - 1;
/// There are less constants, and less values that are not computed yet, in one function.
pub(in crate::compile) const MAX_PLACES: usize = 1 << 28;

impl Ref {
    pub(in crate::compile) const NOTHING: Ref = Ref(u32::MAX);

    #[inline]
    pub(in crate::compile) const fn var(var: u32) -> Ref {
        Ref(var << 1)
    }

    #[inline]
    pub(in crate::compile) fn temp(temp: u32) -> Ref {
        Ref(temp << 1 | TAG_TEMP)
    }

    /// A constant that fits thirty bits.
    #[inline]
    pub(in crate::compile) fn small(value: i64) -> Option<Ref> {
        let payload = (value as i32) << 2 >> 2;
        (i64::from(payload) == value).then_some(Ref(TAG_IMM | value as u32 & PAYLOAD))
    }

    pub(in crate::compile) fn pool(place: usize) -> Ref {
        Ref(TAG_POOL | place as u32)
    }

    /// The value of that number, below [`MAX_PLACES`], that is not computed yet.
    #[inline]
    pub(in crate::compile) fn lazy(number: usize) -> Ref {
        Ref(TAG_LAZY | number as u32)
    }

    #[inline]
    pub(in crate::compile) fn is_lazy(self) -> bool {
        self.0 >> 28 == TAG_LAZY >> 28
    }

    /// The number of one that is not computed yet.
    #[inline]
    pub(in crate::compile) fn as_lazy(self) -> Option<usize> {
        self.is_lazy().then_some((self.0 & !TAG_LAZY) as usize)
    }

    /// The cell of a variable or temp in a table of both, in turn; `rest` is that of everything else, behind them.
    #[inline]
    pub(in crate::compile) fn cell(self, rest: u32) -> u32 {
        self.0.min(rest)
    }

    /// What a constant's tag leaves of it.
    #[inline]
    pub(in crate::compile) fn payload(self) -> u32 {
        self.0 & PAYLOAD
    }

    /// Is it a variable or temp?
    #[inline]
    pub(in crate::compile) fn is_place(self) -> bool {
        self.0 < TAG_IMM
    }

    #[inline]
    pub(in crate::compile) fn as_var(self) -> Option<u32> {
        (self.0 & TAG_VALUE == 0).then_some(self.0 >> 1)
    }

    #[inline]
    pub(in crate::compile) fn as_temp(self) -> Option<u32> {
        (self.0 & TAG_VALUE == TAG_TEMP).then_some(self.0 >> 1)
    }

    /// A constant of thirty bits.
    #[inline]
    pub(in crate::compile) fn as_small(self) -> Option<i32> {
        (self.0 & !PAYLOAD == TAG_IMM).then_some((self.0 << 2) as i32 >> 2)
    }

    #[inline]
    pub(in crate::compile) fn is_const(self) -> bool {
        self.0 >= TAG_IMM && self != Ref::NOTHING
    }
}

impl std::fmt::Debug for Ref {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let payload = self.payload();
        match self.0 & !PAYLOAD {
            _ if self.0 & TAG_VALUE == 0 => write!(f, "v{}", self.0 >> 1),
            _ if self.0 & TAG_VALUE == TAG_TEMP => write!(f, "t{}", self.0 >> 1),
            _ if *self == Ref::NOTHING => f.write_str("-"),
            _ if self.is_lazy() => write!(f, "lazy{payload}"),
            TAG_POOL => write!(f, "pool{payload}"),
            _ => write!(f, "#{}", self.as_small().expect("the tag that is left")),
        }
    }
}

/// For so much code of an entry, list item or variable room is made at first: real functions stay below.
pub(in crate::compile) const CODE_BYTES_PER_ENTRY: usize = 16;

/// One step of a function.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct Entry {
    pub(in crate::compile) op: Op,
    pub(in crate::compile) class: Class,
    /// A register that the result will be wanted in: its number + 1, or 0.
    pub(in crate::compile) hint: u8,
    /// How long the code before it is, roughly: the [weights](Op::weight) of the entries before, wrapping.
    pub(in crate::compile) reach: u8,
    /// Which operand may be in memory 0: [`Op::takes`].
    pub(in crate::compile) takes: u8,
    pub(in crate::compile) dst: Ref,
    pub(in crate::compile) a: Ref,
    pub(in crate::compile) b: Ref,
    pub(in crate::compile) imm: u32,
}

/// A place in code.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct LabelInfo {
    /// The tape entry that binds it.
    pub(in crate::compile) entry: u32,
    /// For a loop: the entry behind its last; 0 otherwise.
    pub(in crate::compile) loop_end: u32,
    /// For a loop: contains no call and no other loop.
    pub(in crate::compile) innermost_leaf: bool,
}

/// A local or merge variable.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct Variable {
    pub(in crate::compile) class: Class,
    /// Loop-weighted accesses.
    pub(in crate::compile) weight: u32,
    /// The half-open range of entries in which its value matters.
    pub(in crate::compile) start: u32,
    pub(in crate::compile) end: u32,
    /// Loop-weighted calls in that range.
    pub(in crate::compile) calls: u32,
    /// Must it be zero at the function's start?
    pub(in crate::compile) zero: bool,
}

/// Beyond all numbers of handlers and catches.
pub(in crate::compile) const NO_HANDLER: u32 = u32::MAX;

/// A block whose exceptions are caught. For any outside of it, its catches are asked, then those of `outer`.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct Handler {
    pub(in crate::compile) outer: u32,
    /// Places in [`Tape::catches`], or [`NO_HANDLER`]. A finished tape's handlers without catches have the first of those
    /// around them.
    pub(in crate::compile) first: u32,
    pub(in crate::compile) last: u32,
}

/// A way from every call in a block to a label.
#[derive(Clone, Copy, Debug)]
pub(in crate::compile) struct CatchInfo {
    /// None: any.
    pub(in crate::compile) tag: Option<TagIndex>,
    pub(in crate::compile) label: u32,
    /// The list of the variables that get the exception's values; empty for any tag.
    pub(in crate::compile) values: u32,
    /// The variable that gets a reference to it, or [`NO_HANDLER`].
    pub(in crate::compile) exception: u32,
    /// The handler's next, or [`NO_HANDLER`].
    pub(in crate::compile) next: u32,
    pub(in crate::compile) handler: u32,
}

/// A scanned function. Kept and refilled from function to function.
#[derive(Default, Debug)]
pub(in crate::compile) struct Tape {
    pub(in crate::compile) entries: Vec<Entry>,
    /// The [reach](Entry::reach) of the next.
    reach: u8,
    /// Constants of more than thirty bits, and all floats; vectors in two places, the lower half first.
    pub(in crate::compile) pool: Vec<u64>,
    /// Vectors that are read in loops, with the loops' weights, which fall; the first few.
    pub(in crate::compile) loop_constants: Vec<(u128, u32)>,
    /// Lists: a count, then so many [`Ref`]s or label numbers.
    pub(in crate::compile) lists: Vec<ListItem>,
    pub(in crate::compile) memargs: Vec<Memarg>,
    pub(in crate::compile) labels: Vec<LabelInfo>,
    pub(in crate::compile) variables: Vec<Variable>,
    pub(in crate::compile) handlers: Vec<Handler>,
    pub(in crate::compile) catches: Vec<CatchInfo>,
    /// Parameters are the first variables.
    pub(in crate::compile) params: u32,
    /// Temps alive at the same time, at most.
    pub(in crate::compile) temps: u32,
    /// Wasm offsets of the entries that can trap or call, in order.
    pub(in crate::compile) offsets: Vec<u32>,
    /// The largest result area and stack-argument area of any call.
    pub(in crate::compile) outgoing_bytes: u32,
    /// Is there any call (of a builtin, too)?
    pub(in crate::compile) calls: bool,
    /// Whether any imported function is called.
    pub(in crate::compile) calls_imports: bool,
    /// Does any call need memory for temps: for those that live across it, or for its many results?
    pub(in crate::compile) spills: bool,
    /// Is any temp a vector, maybe?
    pub(in crate::compile) vectors: bool,
}

/// Twice as many as could ever be in registers.
const MAX_LOOP_CONSTANTS: usize = 16;

/// A list's count, reference or label number, all thirty-two bits.
pub(in crate::compile) type ListItem = u32;

impl Ref {
    pub(in crate::compile) fn to_item(self) -> ListItem {
        self.0
    }

    pub(in crate::compile) fn from_item(item: ListItem) -> Ref {
        Ref(item)
    }
}

impl Tape {
    pub(in crate::compile) fn clear(&mut self) {
        self.entries.clear();
        self.pool.clear();
        self.loop_constants.clear();
        self.lists.clear();
        self.memargs.clear();
        self.labels.clear();
        self.variables.clear();
        self.offsets.clear();
        self.handlers.clear();
        self.catches.clear();
        (self.params, self.temps, self.outgoing_bytes) = (0, 0, 0);
        (self.calls, self.calls_imports, self.spills, self.vectors) = (false, false, false, false);
    }

    /// The first catch of a handler or of those around it, or [`NO_HANDLER`].
    pub(in crate::compile) fn first_catch(&self, handler: u32) -> u32 {
        self.handlers.get(handler as usize).map_or(NO_HANDLER, |handler| handler.first)
    }

    /// Appends an entry that no register is wanted for.
    #[inline(always)]
    pub(in crate::compile) fn push(&mut self, op: Op, class: Class, dst: Ref, a: Ref, b: Ref, imm: u32) {
        self.push_of((op, op.kind()), class, dst, a, b, imm);
    }

    /// The same, where the operation's kind is known: to find it out costs a jump that cannot be foretold.
    #[inline(always)]
    pub(in crate::compile) fn push_of(
        &mut self,
        (op, kind): (Op, Kind),
        class: Class,
        dst: Ref,
        a: Ref,
        b: Ref,
        imm: u32,
    ) {
        let (reach, takes) = (self.reach, kind.takes);
        self.entries.push(Entry { op, class, hint: 0, reach, takes, dst, a, b, imm });
        self.reach = self.reach.wrapping_add(kind.weight);
    }

    /// The items of the list at `at`.
    #[inline]
    pub(in crate::compile) fn list(&self, at: u32) -> &[ListItem] {
        let at = at as usize;
        let count = self.lists[at] as usize;
        &self.lists[at + 1..at + 1 + count]
    }

    /// A vector is read with this weight.
    pub(in crate::compile) fn weigh_constant(&mut self, value: u128, weight: u32) {
        let known = self.loop_constants.iter_mut().find(|constant| constant.0 == value);
        if let Some(constant) = known {
            constant.1 = constant.1.saturating_add(weight);
        } else if self.loop_constants.len() < MAX_LOOP_CONSTANTS {
            self.loop_constants.push((value, weight));
        }
    }

    /// The vector at a place of the pool.
    pub(in crate::compile) fn vector(&self, place: usize) -> u128 {
        u128::from(self.pool[place + 1]) << 64 | u128::from(self.pool[place])
    }

    /// The value of a vector that is constant.
    pub(in crate::compile) fn vector_constant(&self, value: Ref) -> Option<u128> {
        value.is_const().then(|| self.vector(value.payload() as usize))
    }

    /// The value of a constant, sign-extended if small; floats as bits. Not for vectors.
    #[inline]
    pub(in crate::compile) fn constant(&self, value: Ref) -> Option<i64> {
        match value.as_small() {
            Some(small) => Some(i64::from(small)),
            None if value.is_const() => Some(self.pool[value.payload() as usize] as i64),
            None => None,
        }
    }
}
