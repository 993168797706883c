//! What a generated module has: types, imports, memories, tables, globals, tags, exports.

use super::super::binary::{leb, sized, vector};
use super::super::linked::PREVIOUS;
use crate::bytes::Choices;

/// How many functions are defined. The first two have type 0, and the others' types differ. Each calls only functions
/// before it, and through references only such as have the type of one before it, so that there is no recursion.
pub(super) const FUNCTIONS: usize = 5;
pub(super) const TAGS: usize = 2;
/// The first page's bytes are seldom all zero.
pub(super) const DATA_BYTES: usize = 64;

/// What a module has.
pub(super) struct Plan {
    pub(super) vectors: bool,
    /// Relaxed operators, and NaNs that engines may choose: for engines that make the deterministic choice.
    pub(super) relaxed: bool,
    pub(super) typed: bool,
    pub(super) exceptions: Exceptions,
    pub(super) atomics: bool,
    pub(super) memories: Vec<Memory>,
    pub(super) tables: Vec<Table>,
    pub(super) signatures: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) tags: Vec<Vec<u8>>,
    pub(super) globals: Vec<u8>,
    /// Is what the first kinds of definitions allow imported from the host? So many functions are.
    pub(super) imports: usize,
    /// What comes from the instance before, if there is one.
    pub(super) link: Option<Link>,
}

/// What an instance has from another one with the same plan. All functions are imported.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// So many of the first ones.
    pub(super) tables: usize,
    pub(super) memories: usize,
    pub(super) globals: usize,
    pub(super) tags: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceptions {
    None,
    Standard,
    Legacy,
}

#[derive(Clone, Copy)]
pub(super) struct Memory {
    pub(super) wide: bool,
    pub(super) shared: bool,
    /// Are its pages of one byte?
    pub(super) bytes: bool,
}

#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) wide: bool,
    pub(super) element: u8,
}

impl Plan {
    pub(super) fn new(choices: &mut Choices<'_>) -> Plan {
        let kind = choices.below(8);
        let mut plan = Plan {
            vectors: choices.below(4) > 0 || kind == 7,
            relaxed: kind == 7,
            typed: matches!(kind, 4 | 7),
            exceptions: match kind {
                4 | 7 => Exceptions::Standard,
                5 => Exceptions::Legacy,
                _ => Exceptions::None,
            },
            atomics: matches!(kind, 6 | 7),
            memories: Vec::new(),
            tables: Vec::new(),
            signatures: Vec::new(),
            tags: Vec::new(),
            globals: Vec::new(),
            imports: choices.below(2),
            link: None,
        };
        let first = choices.below(8);
        let shared = plan.atomics && first < 4;
        plan.memories.push(Memory { wide: matches!(first, 3 | 4), shared, bytes: first == 5 });
        if choices.below(4) == 0 {
            plan.memories.push(Memory { wide: choices.below(2) == 0, shared: false, bytes: false });
        }
        plan.tables.push(Table { wide: choices.below(8) == 0, element: b'r' });
        plan.tables.push(Table { wide: choices.below(2) == 0, element: b'e' });
        if plan.typed {
            plan.tables.push(Table { wide: false, element: b't' });
            plan.tables.push(Table { wide: choices.below(2) == 0, element: b'T' });
        }
        plan.globals = [plan.numbers(), b"re"].concat();
        if plan.typed {
            plan.globals.extend(b"tT");
        }
        if plan.exceptions == Exceptions::Standard {
            plan.globals.push(b'x');
        }
        plan.signatures = plan.choose_signatures(choices);
        plan.tags = (0..TAGS).map(|_| list(choices, plan.numbers(), 4)).collect();
        plan
    }

    pub(super) fn choose_signatures(&self, choices: &mut Choices<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        let types = [self.numbers(), self.numbers(), b"re"].concat();
        let most = if choices.below(4) == 0 { 20 } else { 7 };
        let mut signatures = vec![(list(choices, &types, most), list(choices, &types, 4)); 2];
        for _ in 2..FUNCTIONS {
            let params = list(choices, &types, most);
            // Calls in place of the caller need the same results.
            let results = if choices.below(2) == 0 { signatures[0].1.clone() } else { list(choices, &types, 4) };
            let mut signature = (params, results);
            // See `FUNCTIONS`.
            while signatures.contains(&signature) {
                signature.0.push(b'i');
            }
            signatures.push(signature);
        }
        signatures
    }

    /// The types of numbers and vectors.
    pub(super) fn numbers(&self) -> &'static [u8] {
        if self.vectors { b"iIfFV" } else { b"iIfF" }
    }

    /// Types of functions, of the tags, and of the blocks at which an exception arrives.
    pub(super) fn types(&self) -> Vec<Vec<u8>> {
        let values = |types: &[u8]| vector(&types.iter().map(|&ty| val_type(ty)).collect::<Vec<_>>());
        let function = |params: &[u8], results: &[u8]| [vec![0x60], values(params), values(results)].concat();
        let mut types: Vec<Vec<u8>> =
            self.signatures.iter().map(|(params, results)| function(params, results)).collect();
        for tag in &self.tags {
            types.extend([function(tag, &[]), function(&[], tag)]);
            if self.exceptions == Exceptions::Standard {
                types.push(function(&[], &[tag, &b"X"[..]].concat()));
            }
        }
        types
    }

    /// The first of a tag's types.
    pub(super) fn tag_type(&self, tag: usize) -> u64 {
        (FUNCTIONS + tag * if self.exceptions == Exceptions::Standard { 3 } else { 2 }) as u64
    }

    pub(super) fn imported_tables(&self) -> usize {
        self.link.map_or(self.imports, |link| link.tables)
    }

    pub(super) fn imported_memories(&self) -> usize {
        self.link.map_or(if self.memories[0].shared { 0 } else { self.imports }, |link| link.memories)
    }

    /// The host makes no references of other types.
    pub(super) fn imported_globals(&self) -> usize {
        self.link.map_or(self.imports * (self.numbers().len() + 2), |link| link.globals)
    }

    pub(super) fn imported_tags(&self) -> usize {
        self.link.map_or(0, |link| link.tags)
    }

    /// The host's function has type 0.
    pub(super) fn imported(&self) -> Vec<Vec<u8>> {
        let import = |letter: u8, index: usize, kind: u8, ty: Vec<u8>| {
            let name = match self.link {
                Some(_) => [sized(PREVIOUS.as_bytes()), export_name(letter, index)].concat(),
                None => vec![0, 0],
            };
            [name, vec![kind], ty].concat()
        };
        let mut imports = vec![vec![0, 0, 0, 0]; self.imports];
        if self.link.is_some() {
            imports.extend((0..FUNCTIONS).map(|index| import(b'f', index, 0, leb(index as u64))));
        }
        let tables = self.tables.iter().take(self.imported_tables()).enumerate();
        imports.extend(tables.map(|(index, table)| import(b't', index, 1, self.table(table, false))));
        let memories = self.memories.iter().take(self.imported_memories()).enumerate();
        imports.extend(memories.map(|(index, memory)| import(b'm', index, 2, memory.ty())));
        let globals = self.globals.iter().take(self.imported_globals()).enumerate();
        imports.extend(globals.map(|(index, &ty)| import(b'g', index, 3, [val_type(ty), vec![1]].concat())));
        imports.extend((0..self.imported_tags()).map(|tag| import(b'x', tag, 4, self.tag(tag))));
        imports
    }

    pub(super) fn tag(&self, tag: usize) -> Vec<u8> {
        [vec![0], leb(self.tag_type(tag))].concat()
    }

    /// The place of a defined function among all functions.
    pub(super) fn own(&self, function: usize) -> usize {
        self.imports + if self.link.is_some() { FUNCTIONS } else { 0 } + function
    }

    /// The same, or that of the instance before.
    pub(super) fn some(&self, function: usize, choices: &mut Choices<'_>) -> usize {
        if self.link.is_some() && choices.below(2) == 0 { self.imports + function } else { self.own(function) }
    }

    pub(super) fn table(&self, table: &Table, initial: bool) -> Vec<u8> {
        let limits = [1 + if table.wide { 4 } else { 0 }, 10, 20];
        let ty = [&val_type(table.element)[..], &limits].concat();
        match table.element {
            b'T' if initial => [vec![0x40, 0], ty, self.initial(b'T'), vec![0x0B]].concat(),
            _ => ty,
        }
    }

    /// The operator that makes a global's first value.
    pub(super) fn initial(&self, ty: u8) -> Vec<u8> {
        match ty {
            b'i' => vec![0x41, 7],
            b'I' => vec![0x42, 7],
            b'f' => vec![0x43, 0, 0, 0x80, 0x3F],
            b'F' => vec![0x44, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F],
            b'V' => [vec![0xFD, 0x0C], vec![7; 16]].concat(),
            b'T' => vec![0xD2, self.own(0) as u8],
            _ => vec![0xD0, heap_type(ty)],
        }
    }

    /// Tables of other types are not for the host, which makes no references of these.
    pub(super) fn exports(&self) -> Vec<Vec<u8>> {
        let export =
            |letter: u8, kind: u8, index: usize| [export_name(letter, index), vec![kind, index as u8]].concat();
        let functions = (0..FUNCTIONS).map(|index| [export_name(b'f', index), vec![0, self.own(index) as u8]].concat());
        let mut exports: Vec<Vec<u8>> = functions.collect();
        let tables = self.tables.iter().take_while(|table| table.element != b't');
        exports.extend(tables.enumerate().map(|(index, _)| export(b't', 1, index)));
        exports.extend((0..self.memories.len()).map(|index| export(b'm', 2, index)));
        exports.extend((0..self.globals.len()).map(|index| export(b'g', 3, index)));
        if self.exceptions != Exceptions::None {
            exports.extend((0..self.tags.len()).map(|index| export(b'x', 4, index)));
        }
        exports
    }

    /// For table 0, passive functions, and passive references of type 0.
    pub(super) fn elements(&self) -> Vec<Vec<u8>> {
        let function = |index: usize| vec![0xD2, self.own(index) as u8, 0x0B];
        let null = vec![0xD0, 0x70, 0x0B];
        let mut mixed =
            vec![function(0), function(1), function(2), null, function(4), function(1), vec![0xD2, 0, 0x0B]];
        if self.link.is_some() {
            mixed.extend([0, 1, 2].map(|index| vec![0xD2, (self.imports + index) as u8, 0x0B]));
        }
        let zero = if self.tables[0].wide { 0x42 } else { 0x41 };
        let mut elements =
            vec![[vec![4, zero, 0, 0x0B], vector(&mixed)].concat(), [vec![5, 0x70], vector(&mixed)].concat()];
        if self.typed {
            elements.push([vec![5, 0x63, 0], vector(&[function(0), vec![0xD0, 0, 0x0B], function(1)])].concat());
        }
        elements
    }
}

impl Link {
    pub(super) fn new(plan: &Plan, choices: &mut Choices<'_>) -> Link {
        let mut some = |all: usize| if choices.below(2) == 0 { all } else { choices.below(all + 1) };
        Link {
            // Others are not exported.
            tables: some(2),
            memories: some(plan.memories.len()),
            globals: some(plan.globals.len()),
            tags: if plan.exceptions == Exceptions::None { 0 } else { some(plan.tags.len()) },
        }
    }
}

impl Memory {
    pub(super) fn ty(&self) -> Vec<u8> {
        let flags =
            1 + if self.shared { 2 } else { 0 } + if self.wide { 4 } else { 0 } + if self.bytes { 8 } else { 0 };
        match self.bytes {
            true => [vec![flags], leb(0x1_0000), leb(0x1_0003), vec![0]].concat(),
            false => vec![flags, 1, 3],
        }
    }
}

/// A name: a letter for what it is, and a letter for which.
pub(super) fn export_name(letter: u8, index: usize) -> Vec<u8> {
    vec![2, letter, b'a' + index as u8]
}

/// At most so many of `types`, less one.
pub(super) fn list(choices: &mut Choices<'_>, types: &[u8], most: usize) -> Vec<u8> {
    (0..choices.below(most)).map(|_| types[choices.below(types.len())]).collect()
}

/// How a type is written. `X` is that of a caught exception.
pub(super) fn val_type(ty: u8) -> Vec<u8> {
    match ty {
        b'i' => vec![0x7F],
        b'I' => vec![0x7E],
        b'f' => vec![0x7D],
        b'F' => vec![0x7C],
        b'V' => vec![0x7B],
        b't' => vec![0x63, 0],
        b'T' => vec![0x64, 0],
        b'X' => vec![0x64, 0x69],
        _ => vec![heap_type(ty)],
    }
}

/// What a reference is to.
pub(super) fn heap_type(ty: u8) -> u8 {
    match ty {
        b'r' => 0x70,
        b'e' => 0x6F,
        b'x' => 0x69,
        _ => 0,
    }
}
