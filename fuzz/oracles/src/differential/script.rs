//! What is done with a module, the same in every engine, and what came of it.
//!
//! A script's choices depend on a seed and on what the module did before, never on an engine.

use crate::bytes::random;
use planish::Trap;
use std::error::Error;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// The type of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Type {
    /// An i32.
    I32,
    /// An i64.
    I64,
    /// An f32.
    F32,
    /// An f64.
    F64,
    /// A v128.
    V128,
    /// A nullable function reference.
    Func,
    /// A nullable reference to an object of the host.
    Extern,
    /// Another one: functions that take such a value are not called.
    Other,
}

/// A value as every engine tells it. Floats are bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "named after their types")]
pub enum Value {
    I32(u32),
    I64(u64),
    F32(u32),
    F64(u64),
    V128(u128),
    /// A null of any type.
    Null,
    /// Some function: as an argument, the first exported one.
    Func,
    /// The host's object of this number.
    Extern(u32),
    Other,
}

/// Why something did not come to its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// A trap.
    Trap(Trap),
    /// An exception that nobody caught.
    Exception,
    /// The error of a host function.
    Host,
    /// Anything else, such as a memory that may not be so large.
    Refused,
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// Wasm code called an imported function.
    Import {
        /// Its place among them.
        number: usize,
        /// What it passed.
        arguments: Vec<Value>,
    },
    /// A host function returned these.
    Results(Vec<Value>),
    /// An exported function was called.
    Call {
        /// Its name.
        name: String,
        /// What it was passed.
        arguments: Vec<Value>,
        /// What came of it.
        outcome: Result<Vec<Value>, Stop>,
    },
    /// A memory or table was asked to grow by so much; its size before, if it did.
    Grown(String, u64, Option<u64>),
    /// A global's value.
    Global(String, Value),
    /// A memory's length and a hash of its contents.
    Memory(String, usize, u64),
    /// A table's length and a hash of its elements.
    Table(String, u64, u64),
    /// The module was not instantiated.
    Stopped(Stop),
}

impl Event {
    /// Did the stack end here? Where it does is the engine's business.
    pub fn is_overflow(&self) -> bool {
        let stop = match self {
            Event::Call { outcome: Err(stop), .. } | Event::Stopped(stop) => stop,
            _ => return false,
        };
        *stop == Stop::Trap(Trap::StackOverflow)
    }
}

/// What a module exports, by name.
#[derive(Default, Debug)]
pub struct Exports {
    /// Functions that can be called, and the types of their parameters.
    pub functions: Vec<(String, Vec<Type>)>,
    /// Globals, with the types of those that can be set.
    pub globals: Vec<(String, Option<Type>)>,
    /// Memories.
    pub memories: Vec<String>,
    /// Tables.
    pub tables: Vec<String>,
}

/// What a host function does before it returns.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "named after what they do")]
pub enum Deed {
    Nothing,
    Fail,
    Call { name: String, arguments: Vec<Value> },
    GrowMemory { name: String, pages: u64 },
    WriteMemory { name: String, at: u64, bytes: [u8; 8] },
    GrowTable { name: String, elements: u64 },
    SetGlobal { name: String, value: Value },
}

/// The host's side: what has happened, and what happens next. Every engine's store holds one.
#[derive(Debug)]
pub struct Host {
    /// What has happened.
    pub log: Vec<Event>,
    /// What the module exports.
    pub exports: Arc<Exports>,
    /// Host functions that are running.
    pub depth: u32,
    state: u64,
}

/// A host and what an engine's store limits.
#[derive(Debug)]
pub struct Limited<Limits> {
    /// The host.
    pub host: Host,
    /// What the store may have.
    pub limits: Limits,
}

impl<Limits> Deref for Limited<Limits> {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl<Limits> DerefMut for Limited<Limits> {
    fn deref_mut(&mut self) -> &mut Host {
        &mut self.host
    }
}

/// The error of a host function: [`Stop::Host`].
#[derive(Debug)]
pub struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a host function failed")
    }
}

impl Error for Failure {}

/// Memories and tables may not be larger.
pub const MEMORY_BYTES: usize = 20 << 16;
/// See [`MEMORY_BYTES`].
pub const TABLE_ELEMENTS: usize = 1000;
/// How many operators with a budget, function entries and turns of loops, one call may take.
pub const FUEL: u32 = 1000;
/// The exported global that holds what is left of it.
pub const FUEL_EXPORT: &str = "fuel left";
/// How often each function is called.
pub const ROUNDS: usize = 2;
/// So many events are enough.
const MAX_EVENTS: usize = 2000;
/// Host functions call back at most this deep.
const MAX_DEPTH: u32 = 3;

const INTERESTING: [u64; 20] = [
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    0x7f,
    0xff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
];
const INTERESTING_FLOATS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    2147483647.0,
    2147483648.0,
    -2147483649.0,
    4294967296.0,
    9223372036854775808.0,
    -9223372036854775808.0,
    18446744073709551616.0,
    1e-310,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
];

impl Host {
    /// Before anything has happened.
    pub fn new(seed: u64) -> Host {
        Host { log: Vec::new(), exports: Arc::default(), depth: 0, state: seed | 1 }
    }

    fn below(&mut self, count: usize) -> usize {
        random(&mut self.state) % count
    }

    /// A value of a type.
    pub fn value(&mut self, ty: Type) -> Value {
        let number = match self.below(4) {
            0 => random(&mut self.state) as u64 ^ (random(&mut self.state) as u64) << 32,
            1 => self.below(0x2_0000) as u64,
            _ => INTERESTING[self.below(INTERESTING.len())],
        };
        let float = INTERESTING_FLOATS[self.below(INTERESTING_FLOATS.len())];
        match ty {
            Type::I32 => Value::I32(number as u32),
            Type::I64 => Value::I64(number),
            Type::F32 => Value::F32((float as f32).to_bits()),
            Type::F64 => Value::F64(float.to_bits()),
            Type::V128 => Value::V128(u128::from(number) << 64 | u128::from(float.to_bits())),
            Type::Func if number.is_multiple_of(2) => Value::Func,
            Type::Extern if number.is_multiple_of(2) => Value::Extern(number as u32),
            Type::Func | Type::Extern => Value::Null,
            Type::Other => Value::Other,
        }
    }

    /// A value of each type.
    pub fn values(&mut self, types: &[Type]) -> Vec<Value> {
        types.iter().map(|&ty| self.value(ty)).collect()
    }

    fn choose<'a, E>(&mut self, from: &'a [E]) -> Option<&'a E> {
        (!from.is_empty()).then(|| &from[self.below(from.len())])
    }

    /// What a host function does next.
    pub fn deed(&mut self) -> Deed {
        if self.log.len() > MAX_EVENTS {
            return Deed::Fail;
        }
        let exports = self.exports.clone();
        self.deed_with(&exports).unwrap_or(Deed::Nothing)
    }

    fn deed_with(&mut self, exports: &Exports) -> Option<Deed> {
        Some(match self.below(16) {
            0 | 1 if self.depth < MAX_DEPTH => {
                let (name, params) = self.choose(&exports.functions)?;
                Deed::Call { name: name.clone(), arguments: self.values(params) }
            }
            2 => {
                let name = self.choose(&exports.memories)?.clone();
                Deed::GrowMemory { name, pages: self.below(4) as u64 }
            }
            3 => {
                let name = self.choose(&exports.memories)?.clone();
                Deed::WriteMemory { name, at: self.below(0x1_8000) as u64, bytes: self.below(usize::MAX).to_le_bytes() }
            }
            4 => {
                let name = self.choose(&exports.tables)?.clone();
                Deed::GrowTable { name, elements: self.below(20) as u64 }
            }
            5 => match self.choose(&exports.globals)? {
                (name, Some(ty)) if *name != FUEL_EXPORT => {
                    Deed::SetGlobal { name: name.clone(), value: self.value(*ty) }
                }
                _ => Deed::Nothing,
            },
            6 if self.below(4) == 0 => Deed::Fail,
            _ => Deed::Nothing,
        })
    }
}

/// Fowler, Noll and Vo's hash, over words.
pub fn hash(words: impl Iterator<Item = u64>) -> u64 {
    words.fold(0xcbf2_9ce4_8422_2325, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(17))
}

/// The same of bytes.
pub fn hash_bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    hash(words.iter().map(|word| u64::from_le_bytes(*word)).chain(rest.iter().map(|&byte| byte.into())))
}
