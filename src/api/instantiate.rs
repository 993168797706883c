//! Instantiation (specification 4.5.4): imports are matched, items made and initialised, segments copied, the start
//! function called.

use crate::api::engine::Engine;
use crate::api::extern_item::Extern;
use crate::api::extern_type::ExternType;
use crate::api::memory::refused;
use crate::api::module::ModuleInner;
use crate::api::store::{StoreInner, StoreOpaque};
use crate::decode::{ConstExpr, ConstOp, ElementItems, ElementSegment, ImportItem, ModuleInfo, SegmentMode};
use crate::error::{Error, Trap};
use crate::types::{FuncIndex, GlobalIndex, IndexType, MemoryIndex, TableIndex, TableType, TagType};
use crate::vm::run::enter::enter_start;
use crate::vm::run::instance::{Imports, InstanceModule};
use crate::vm::visible::context::Value;
use crate::vm::visible::handle::InstanceId;
use std::sync::Arc;

/// An instance of `module` in the store.
pub(crate) fn instantiate<T: 'static>(
    store: &mut StoreInner<T>,
    module: &Arc<ModuleInner>,
    imports: &[Extern],
) -> Result<InstanceId, Error> {
    let opaque = &mut store.opaque;
    let imports = match_imports(opaque, module, imports)?;
    let limits = opaque.engine.limits();
    let instance = opaque.state.add_instance(module.clone(), &imports, &limits).map_err(refused)?;
    opaque.add_module(module);
    let mut new = New { store: opaque, module, instance };
    new.globals();
    new.tables()?;
    new.elements()?;
    new.data_segments()?;
    match module.info().start {
        Some(start) => call_start(store, instance, start).map(|()| instance),
        None => Ok(instance),
    }
}

/// Checks that the imports are what the module asks for, and sorts them by kind.
fn match_imports(store: &mut StoreOpaque, module: &ModuleInner, items: &[Extern]) -> Result<Imports, Error> {
    if !Engine::same(module.engine(), &store.engine) {
        return Err(Error::msg("the module belongs to another engine than the store"));
    }
    let info = module.info();
    if items.len() != info.imports.len() {
        let (expected, found) = (info.imports.len(), items.len());
        return Err(Error::msg(format!("wrong number of imports: {found} instead of {expected}")));
    }
    let mut imports = Imports::default();
    for (import, item) in info.imports.iter().zip(items) {
        if let Some(owner) = item.store() {
            store.check(owner, "an import")?;
        }
        let name = || format!("`{}::{}`", import.module, import.name);
        if !fits(item, &import.item, info, store) {
            let (expected, found) = (expected(&import.item, info), item.type_in(store));
            return Err(Error::msg(format!(
                "incompatible import type for {}: expected {}, found {}",
                name(),
                describe(&expected),
                describe(&found)
            )));
        }
        match item {
            Extern::Func(func) => imports.functions.push(func.func),
            Extern::Memory(memory) => imports.memories.push(memory.id),
            // **Escape:** another engine may have reserved less than its code relies on.
            Extern::SharedMemory(shared) if !Engine::same(&shared.engine, &store.engine) => {
                return Err(Error::msg("a shared memory of another engine"));
            }
            Extern::SharedMemory(shared) => imports.memories.push(store.state.add_shared_memory(&shared.memory)),
            Extern::Table(table) => imports.tables.push(table.id),
            Extern::Global(global) => imports.globals.push(global.id),
            Extern::Tag(tag) => imports.tags.push(tag.id),
        }
    }
    Ok(imports)
}

/// Import matching (specification 3.4.3).
fn fits(item: &Extern, import: &ImportItem, info: &ModuleInfo, store: &StoreOpaque) -> bool {
    if let (Extern::Func(func), ImportItem::Func(ty)) = (item, import) {
        return store.state.signature(func.func).ty == info.types[ty.index()];
    }
    match (&item.type_in(store), import) {
        (ExternType::Tag(found), ImportItem::Tag(ty)) => *found.ty() == *info.types[ty.index()],
        (ExternType::Global(found), ImportItem::Global(ty)) => {
            found == ty || !found.mutable && !ty.mutable && found.content.matches(&ty.content)
        }
        (ExternType::Table(found), ImportItem::Table(ty)) => {
            found.element == ty.element
                && found.index == ty.index
                && limits_fit((found.minimum, found.maximum), (ty.minimum, ty.maximum))
        }
        (ExternType::Memory(found), ImportItem::Memory(ty)) => {
            (found.index, found.page_size_log2, found.shared) == (ty.index, ty.page_size_log2, ty.shared)
                && limits_fit((found.minimum, found.maximum), (ty.minimum, ty.maximum))
        }
        _ => false,
    }
}

fn limits_fit(found: (u64, Option<u64>), asked: (u64, Option<u64>)) -> bool {
    let below = match (found.1, asked.1) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(found), Some(asked)) => found <= asked,
    };
    found.0 >= asked.0 && below
}

fn expected(import: &ImportItem, info: &ModuleInfo) -> ExternType {
    match import {
        ImportItem::Func(ty) => ExternType::Func(info.types[ty.index()].func_type().clone()),
        ImportItem::Tag(ty) => ExternType::Tag(TagType::new(info.types[ty.index()].func_type().clone())),
        ImportItem::Table(ty) => ExternType::Table(ty.clone()),
        ImportItem::Memory(ty) => ExternType::Memory(*ty),
        ImportItem::Global(ty) => ExternType::Global(ty.clone()),
    }
}

fn describe(ty: &ExternType) -> String {
    let limits = |minimum: u64, maximum: Option<u64>| match maximum {
        Some(maximum) => format!("{minimum} to {maximum}"),
        None => format!("{minimum} or more"),
    };
    let indexes = |index: IndexType| if index == IndexType::I64 { ", with 64-bit indexes" } else { "" };
    let what = match ty {
        ExternType::Func(ty) => ty.to_string(),
        ExternType::Tag(ty) => ty.ty().to_string(),
        ExternType::Global(ty) => format!("{}{}", if ty.mutable { "mutable " } else { "" }, ty.content),
        ExternType::Table(TableType { minimum, maximum, index, .. }) => {
            format!("of {} elements{}", limits(*minimum, *maximum), indexes(*index))
        }
        ExternType::Memory(ty) => {
            let pages = if ty.page_size() == 1 { "bytes" } else { "pages" };
            let shared = if ty.shared { "shared, " } else { "" };
            format!("{shared}of {} {pages}{}", limits(ty.minimum, ty.maximum), indexes(ty.index))
        }
    };
    format!("{} {what}", ty.kind())
}

/// An instance on its way.
struct New<'a> {
    store: &'a mut StoreOpaque,
    module: &'a ModuleInner,
    instance: InstanceId,
}

impl New<'_> {
    fn globals(&mut self) {
        let info = self.module.info();
        for (own, init) in info.global_inits.iter().enumerate() {
            let value = self.evaluate(init);
            let global = self.data().global(GlobalIndex(info.imported_globals + own as u32));
            self.store.state.set_global(global, value);
        }
    }

    fn tables(&mut self) -> Result<(), Error> {
        let info = self.module.info();
        for (own, init) in info.table_inits.iter().enumerate() {
            let Some(init) = init else { continue };
            let value = self.evaluate(init).u64();
            let table = self.data().table(TableIndex(info.imported_tables + own as u32));
            let table = self.store.state.table_mut(table);
            let len = table.len();
            table.fill(0, value, len).map_err(|_| Error::from(Trap::TableOutOfBounds))?;
        }
        Ok(())
    }

    fn elements(&mut self) -> Result<(), Error> {
        for (index, segment) in self.module.info().elements.iter().enumerate() {
            match &segment.mode {
                SegmentMode::Passive => {
                    let elements = self.elements_of(segment);
                    self.store.state.instance_mut(self.instance).set_elements(index as u32, elements.into());
                }
                SegmentMode::Declared => {}
                SegmentMode::Active { target, offset } => {
                    // A 32-bit offset is zero-extended.
                    let start = self.evaluate(offset).u64();
                    let elements = self.elements_of(segment);
                    let table = self.data().table(*target);
                    let table = self.store.state.table_mut(table);
                    table.init(start, &elements).map_err(|_| Error::from(Trap::TableOutOfBounds))?;
                }
            }
        }
        Ok(())
    }

    fn data_segments(&mut self) -> Result<(), Error> {
        for (index, segment) in self.module.info().data.iter().enumerate() {
            let SegmentMode::Active { target, offset } = &segment.mode else { continue };
            let memory = self.data().memory(*target);
            if !self.is_initialised(*target) {
                // A 32-bit offset is zero-extended.
                let start = self.evaluate(offset).u64();
                let memory = self.store.state.memory_mut(memory);
                memory
                    .init(start, self.module.info().data_of(segment))
                    .map_err(|_| Error::from(Trap::MemoryOutOfBounds))?;
            }
            self.store.state.instance_mut(self.instance).drop_data(index as u32);
        }
        Ok(())
    }

    /// Does an own memory contain its active segments already?
    fn is_initialised(&self, memory: MemoryIndex) -> bool {
        let is_own = memory.0 >= self.module.info().imported_memories;
        is_own && self.store.state.memory(self.data().memory(memory)).is_initialised()
    }

    /// As long as the segment in the module's bytes, so it may be allocated.
    fn elements_of(&self, segment: &ElementSegment) -> Vec<u64> {
        match &segment.items {
            ElementItems::Functions(functions) => self.data().elements_of(functions),
            ElementItems::Expressions(items) => items.iter().map(|item| self.evaluate(item).u64()).collect(),
        }
    }

    fn func(&self, func: FuncIndex) -> u64 {
        self.data().func(func).bits()
    }

    fn data(&self) -> &crate::vm::run::instance::InstanceData {
        self.store.state.instance(self.instance)
    }

    /// A constant expression's value; validation has checked its types and that globals come before their use.
    fn evaluate(&self, expr: &ConstExpr) -> Value {
        let mut stack = Vec::new();
        for op in expr.ops() {
            let value = match *op {
                ConstOp::I32(value) => Value::from_u32(value as u32),
                ConstOp::I64(value) => Value::from_u64(value as u64),
                ConstOp::F32(bits) => Value::from_u32(bits),
                ConstOp::F64(bits) => Value::from_u64(bits),
                ConstOp::V128(value) => Value::from_u128(u128::from_le_bytes(value)),
                ConstOp::GlobalGet(global) => self.store.state.global(self.data().global(global)),
                ConstOp::RefFunc(func) => Value::from_u64(self.func(func)),
                ConstOp::RefNull => Value::from_u64(0),
                ConstOp::I32Add => binary_u32(&mut stack, u32::wrapping_add),
                ConstOp::I32Sub => binary_u32(&mut stack, u32::wrapping_sub),
                ConstOp::I32Mul => binary_u32(&mut stack, u32::wrapping_mul),
                ConstOp::I64Add => binary_u64(&mut stack, u64::wrapping_add),
                ConstOp::I64Sub => binary_u64(&mut stack, u64::wrapping_sub),
                ConstOp::I64Mul => binary_u64(&mut stack, u64::wrapping_mul),
            };
            stack.push(value);
        }
        stack.pop().expect(ONE_VALUE)
    }
}

fn binary_u32(stack: &mut Vec<Value>, op: fn(u32, u32) -> u32) -> Value {
    let right = stack.pop().expect(ONE_VALUE);
    let left = stack.pop().expect(ONE_VALUE);
    Value::from_u32(op(left.u32(), right.u32()))
}

fn binary_u64(stack: &mut Vec<Value>, op: fn(u64, u64) -> u64) -> Value {
    let right = stack.pop().expect(ONE_VALUE);
    let left = stack.pop().expect(ONE_VALUE);
    Value::from_u64(op(left.u64(), right.u64()))
}

const ONE_VALUE: &str = "validated: a constant expression leaves one value";

fn call_start<T: 'static>(store: &mut StoreInner<T>, instance: InstanceId, start: FuncIndex) -> Result<(), Error> {
    let func = store.opaque.state.instance(instance).func(start);
    let point = store.opaque.state.signature(func).entry_point();
    enter_start(store, instance, func, &point).map_err(|exit| store.opaque.error_of(exit))
}
