//! Modules from bytes, by us: every operator on operands of every shape.
//!
//! wasm-smith's functions are many operators on few values, most of them constants, with a NaN check behind each float.
//! These are trees of operators over parameters and locals. A NaN is made canonical only where its bits can be seen.
//!
//! Types are letters:
//!
//! * `i` i32, `I` i64, `f` f32, `F` f64, `V` v128;
//! * `c` and `C` an f32 and f64 that have the same bits in every engine;
//! * `r` a nullable reference to a function, `e` to an object of the host, `x` to an exception;
//! * `t` and `T` references to a function of type 0, nullable and not.

mod control;
mod function;
mod memory;
mod plan;
mod references;
mod rows;

use super::binary::{leb, section, sized, vector};
use crate::bytes::Choices;
use function::Function;
use plan::{DATA_BYTES, Exceptions, FUNCTIONS, Link, Plan, val_type};

/// A module that these bytes choose; its functions come to an end.
pub fn module(bytes: &[u8]) -> Vec<u8> {
    let mut choices = Choices::new(bytes);
    let plan = Plan::new(&mut choices);
    module_of(&plan, &mut choices)
}

/// Two or three modules, of which each imports all functions and some of the rest from the one before.
pub fn linked(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut choices = Choices::new(bytes);
    let mut plan = Plan::new(&mut choices);
    let count = 2 + choices.below(2);
    let mut modules = vec![module_of(&plan, &mut choices)];
    while modules.len() < count {
        plan.link = Some(Link::new(&plan, &mut choices));
        modules.push(module_of(&plan, &mut choices));
    }
    modules
}

fn module_of(plan: &Plan, choices: &mut Choices<'_>) -> Vec<u8> {
    let bodies: Vec<Vec<u8>> = (0..FUNCTIONS).map(|index| Function::body(plan, index, choices)).collect();
    let data: Vec<u8> = (0..DATA_BYTES).map(|_| choices.byte()).collect();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(&mut module, 1, &vector(&plan.types()));
    section(&mut module, 2, &vector(&plan.imported()));
    section(&mut module, 3, &vector(&(0..FUNCTIONS).map(|index| leb(index as u64)).collect::<Vec<_>>()));
    let tables = plan.tables.iter().skip(plan.imported_tables()).map(|table| plan.table(table, true));
    section(&mut module, 4, &vector(&tables.collect::<Vec<_>>()));
    let memories = plan.memories.iter().skip(plan.imported_memories()).map(|memory| memory.ty());
    section(&mut module, 5, &vector(&memories.collect::<Vec<_>>()));
    if plan.exceptions != Exceptions::None {
        let tags = (plan.imported_tags()..plan.tags.len()).map(|tag| plan.tag(tag));
        section(&mut module, 13, &vector(&tags.collect::<Vec<_>>()));
    }
    let globals = plan.globals.iter().skip(plan.imported_globals());
    let globals = globals.map(|&ty| [val_type(ty), vec![1], plan.initial(ty), vec![0x0B]].concat());
    section(&mut module, 6, &vector(&globals.collect::<Vec<_>>()));
    section(&mut module, 7, &vector(&plan.exports()));
    section(&mut module, 9, &vector(&plan.elements()));
    section(&mut module, 12, &leb(2));
    section(&mut module, 10, &vector(&bodies.iter().map(|body| sized(body)).collect::<Vec<_>>()));
    let zero = if plan.memories[0].wide { 0x42 } else { 0x41 };
    let active = [&[0, zero, 0, 0x0B], &sized(&data)[..]].concat();
    section(&mut module, 11, &vector(&[active, [&[1], &sized(&data)[..]].concat()]));
    module
}
