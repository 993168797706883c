//! One section of a validated module into [`ModuleInfo`].

use super::cursor::references_to;
use super::info::{
    Body, ConstExpr, ConstOp, DataSegment, ElementItems, ElementSegment, Export, ExportItem, FunctionNames, Import,
    ImportItem, ModuleInfo, SegmentMode,
};
use crate::error::Error;
use crate::types::{
    ConcreteFuncType, FuncIndex, FuncType, GlobalIndex, GlobalType, HeapType, IndexType, MemoryIndex, MemoryType,
    RefType, TOO_MANY_TYPES, TableIndex, TableType, TagIndex, TypeIndex, ValType,
};
use std::borrow::Cow;
use wasmparser::{
    AbstractHeapType, BinaryReader, CustomSectionReader, KnownCustom, Name, Operator, Payload, UnpackedIndex,
};

/// Adds a section that the validator has accepted.
pub(super) fn read(info: &mut ModuleInfo, payload: Payload<'_>) -> Result<(), Error> {
    match payload {
        Payload::TypeSection(section) => each(section, |group: wasmparser::RecGroup| {
            group.into_types().try_for_each(|ty| add_type(info, ty.unwrap_func()))
        }),
        Payload::ImportSection(section) => section.into_imports().try_for_each(|item| add_import(info, item?)),
        Payload::FunctionSection(section) => each(section, |ty| {
            info.functions.push(TypeIndex(ty));
            Ok(())
        }),
        Payload::TableSection(section) => each(section, |table| add_table(info, table)),
        Payload::MemorySection(section) => each(section, |ty| {
            info.memories.push(memory_type(ty));
            Ok(())
        }),
        Payload::GlobalSection(section) => each(section, |global: wasmparser::Global<'_>| {
            info.globals.push(global_type(info, global.ty)?);
            info.global_inits.push(const_expr(&mut info.declared, &global.init_expr)?);
            Ok(())
        }),
        Payload::TagSection(section) => each(section, |tag: wasmparser::TagType| {
            info.tags.push(TypeIndex(tag.func_type_idx));
            Ok(())
        }),
        Payload::ExportSection(section) => each(section, |export| {
            add_export(info, export);
            Ok(())
        }),
        Payload::StartSection { func, .. } => {
            info.start = Some(FuncIndex(func));
            Ok(())
        }
        Payload::ElementSection(section) => each(section, |element| add_element(info, element)),
        Payload::DataSection(section) => {
            // The validator has read as many.
            let range = section.range();
            info.data.reserve_exact(section.count() as usize);
            info.data_bytes.reserve_exact((range.end - range.start) as usize);
            each(section, |data| add_data(info, data))?;
            info.data_bytes.shrink_to_fit();
            Ok(())
        }
        Payload::DataCountSection { count, .. } => {
            info.data_count = Some(count);
            Ok(())
        }
        Payload::CodeSectionStart { size, .. } => {
            info.code_bytes = size as usize;
            Ok(())
        }
        Payload::CustomSection(section) => {
            add_names(info, &section);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Puts what the sections added one by one into its final form.
pub(super) fn finish(info: &mut ModuleInfo) {
    let imported = info.imported_functions;
    info.declared.sort_unstable();
    info.declared.dedup();
    info.referable = info.declared.iter().copied().chain(info.start).collect();
    info.referable.retain(|func| func.0 >= imported);
    info.referable.sort_unstable();
    info.referable.dedup();
}

fn each<'a, T: wasmparser::FromReader<'a>>(
    section: wasmparser::SectionLimited<'a, T>,
    mut add: impl FnMut(T) -> Result<(), Error>,
) -> Result<(), Error> {
    section.into_iter().try_for_each(|item| add(item?))
}

fn add_type(info: &mut ModuleInfo, ty: &wasmparser::FuncType) -> Result<(), Error> {
    let values =
        |types: &[wasmparser::ValType]| types.iter().map(|ty| val_type(info, *ty)).collect::<Result<Vec<_>, _>>();
    let ty = FuncType::new(values(ty.params())?, values(ty.results())?);
    let ty = ConcreteFuncType::of(Cow::Owned(ty)).ok_or_else(|| Error::msg(TOO_MANY_TYPES))?;
    info.references.push(references_to(HeapType::ConcreteFunc(ty.clone()), HeapType::ConcreteFunc(ty.clone())));
    info.types.push(ty);
    Ok(())
}

fn add_import(info: &mut ModuleInfo, import: wasmparser::Import<'_>) -> Result<(), Error> {
    let item = match import.ty {
        wasmparser::TypeRef::Func(ty) => {
            info.functions.push(TypeIndex(ty));
            info.imported_functions += 1;
            ImportItem::Func(TypeIndex(ty))
        }
        wasmparser::TypeRef::Table(ty) => {
            let ty = table_type(info, ty)?;
            info.tables.push(ty.clone());
            info.imported_tables += 1;
            ImportItem::Table(ty)
        }
        wasmparser::TypeRef::Memory(ty) => {
            let ty = memory_type(ty);
            info.memories.push(ty);
            info.imported_memories += 1;
            ImportItem::Memory(ty)
        }
        wasmparser::TypeRef::Global(ty) => {
            let ty = global_type(info, ty)?;
            info.globals.push(ty.clone());
            info.imported_globals += 1;
            ImportItem::Global(ty)
        }
        wasmparser::TypeRef::Tag(ty) => {
            info.tags.push(TypeIndex(ty.func_type_idx));
            info.imported_tags += 1;
            ImportItem::Tag(TypeIndex(ty.func_type_idx))
        }
        wasmparser::TypeRef::FuncExact(_) => unreachable!("validated: no custom descriptors"),
    };
    info.imports.push(Import { module: import.module.into(), name: import.name.into(), item });
    Ok(())
}

fn add_table(info: &mut ModuleInfo, table: wasmparser::Table<'_>) -> Result<(), Error> {
    info.tables.push(table_type(info, table.ty)?);
    info.table_inits.push(match table.init {
        wasmparser::TableInit::RefNull => None,
        wasmparser::TableInit::Expr(expr) => Some(const_expr(&mut info.declared, &expr)?),
    });
    Ok(())
}

fn add_export(info: &mut ModuleInfo, export: wasmparser::Export<'_>) {
    let item = match export.kind {
        wasmparser::ExternalKind::Func => {
            info.declared.push(FuncIndex(export.index));
            ExportItem::Func(FuncIndex(export.index))
        }
        wasmparser::ExternalKind::Table => ExportItem::Table(TableIndex(export.index)),
        wasmparser::ExternalKind::Memory => ExportItem::Memory(MemoryIndex(export.index)),
        wasmparser::ExternalKind::Global => ExportItem::Global(GlobalIndex(export.index)),
        wasmparser::ExternalKind::Tag => ExportItem::Tag(TagIndex(export.index)),
        wasmparser::ExternalKind::FuncExact => unreachable!("validated: no custom descriptors"),
    };
    info.exports.push(Export { name: export.name.into(), item });
}

fn add_element(info: &mut ModuleInfo, segment: wasmparser::Element<'_>) -> Result<(), Error> {
    let mode = match segment.kind {
        wasmparser::ElementKind::Passive => SegmentMode::Passive,
        wasmparser::ElementKind::Declared => SegmentMode::Declared,
        wasmparser::ElementKind::Active { table_index, offset_expr } => SegmentMode::Active {
            target: TableIndex(table_index.unwrap_or(0)),
            offset: const_expr(&mut info.declared, &offset_expr)?,
        },
    };
    let (ty, items) = match segment.items {
        wasmparser::ElementItems::Functions(section) => {
            let functions = section.into_iter().map(|func| func.map(FuncIndex)).collect::<Result<Box<[_]>, _>>()?;
            info.declared.extend_from_slice(&functions);
            (RefType::FUNCREF, ElementItems::Functions(functions))
        }
        wasmparser::ElementItems::Expressions(ty, section) => {
            let items = section
                .into_iter()
                .map(|expr| const_expr(&mut info.declared, &expr?))
                .collect::<Result<Box<[_]>, Error>>()?;
            (ref_type(info, ty)?, ElementItems::Expressions(items))
        }
    };
    info.elements.push(ElementSegment { ty, mode, items });
    Ok(())
}

fn add_data(info: &mut ModuleInfo, segment: wasmparser::Data<'_>) -> Result<(), Error> {
    let mode = match segment.kind {
        wasmparser::DataKind::Passive => SegmentMode::Passive,
        wasmparser::DataKind::Active { memory_index, offset_expr } => SegmentMode::Active {
            target: MemoryIndex(memory_index),
            offset: const_expr(&mut info.declared, &offset_expr)?,
        },
    };
    let start = info.data_bytes.len();
    info.data_bytes.extend_from_slice(segment.data);
    info.data.push(DataSegment { mode, bytes: start..info.data_bytes.len() });
    Ok(())
}

/// As many data segments as the parser lets a module have.
const MAX_DATA_SEGMENTS: u32 = 100_000;

/// Of one that is active: what it is, a constant, its end, a length.
const LEAST_SEGMENT_BYTES: usize = 5;

/// Checks and adds a data section that is like nearly all: its segments are active, in memory 0, at constants of 32 bits. Says
/// whether it is; if not, nothing is added. Some modules have a hundred thousand segments, and the validator takes ten times as long.
pub(super) fn add_plain_data(
    info: &mut ModuleInfo,
    module: &[u8],
    section: &wasmparser::DataSectionReader<'_>,
) -> bool {
    let range = section.range();
    let (start, end) = (range.start as usize, range.end as usize);
    let memory = info.memories.first();
    if memory.is_none_or(|memory| memory.index != IndexType::I32) || section.count() > MAX_DATA_SEGMENTS {
        return false;
    }
    let count = (section.count() as usize).min((end - start) / LEAST_SEGMENT_BYTES);
    let (mut data, mut bytes) = (Vec::with_capacity(count), Vec::with_capacity(end - start));
    let Ok(()) = plain_segments(&module[start..end], &mut data, &mut bytes) else { return false };
    bytes.shrink_to_fit();
    (info.data, info.data_bytes) = (data, bytes);
    true
}

fn plain_segments(section: &[u8], data: &mut Vec<DataSegment>, bytes: &mut Vec<u8>) -> Result<(), Irregular> {
    let mut reader = BinaryReader::new(section, 0);
    for _ in 0..reader.read_var_u32()? {
        // Active, in memory 0.
        if reader.read_u8()? != 0 || reader.read_u8()? != I32_CONST {
            return Err(Irregular);
        }
        let offset = ConstExpr::Single(ConstOp::I32(reader.read_var_i32()?));
        if reader.read_u8()? != END {
            return Err(Irregular);
        }
        let (start, length) = (bytes.len(), reader.read_var_u32()?);
        bytes.extend_from_slice(reader.read_bytes(length as usize)?);
        let mode = SegmentMode::Active { target: MemoryIndex(0), offset };
        data.push(DataSegment { mode, bytes: start..bytes.len() });
    }
    if reader.eof() { Ok(()) } else { Err(Irregular) }
}

/// The parser lets no body be longer.
const MAX_BODY_BYTES: u32 = 7_654_321;

/// Finds the bodies of a code section, which starts at an offset of the module.
pub(super) fn find_bodies(section: &[u8], offset: usize, count: u32) -> Result<Vec<Body<'_>>, Irregular> {
    let mut reader = BinaryReader::new(section, offset as u64);
    // Each has a length.
    let mut bodies = Vec::with_capacity((count as usize).min(section.len()));
    for _ in 0..count {
        let length = reader.read_var_u32()?;
        if length > MAX_BODY_BYTES {
            return Err(Irregular);
        }
        let offset = reader.original_position() as usize;
        bodies.push(Body { bytes: reader.read_bytes(length as usize)?, offset });
    }
    if reader.eof() { Ok(bodies) } else { Err(Irregular) }
}

/// A section is to be read by the parser, which may find fault with it.
pub(super) struct Irregular;

impl From<wasmparser::Error> for Irregular {
    fn from(_: wasmparser::Error) -> Irregular {
        Irregular
    }
}

/// Takes what is well-formed of a name section; the specification forbids to refuse a module for the rest
/// (appendix A.4).
fn add_names(info: &mut ModuleInfo, section: &CustomSectionReader<'_>) {
    let KnownCustom::Name(names) = section.as_known() else { return };
    for name in names {
        match name {
            Ok(Name::Module { name, .. }) => info.module_name = Some(name.into()),
            Ok(Name::Function(functions)) => {
                info.function_names = FunctionNames::default();
                for naming in functions.map_while(Result::ok) {
                    info.function_names.add(FuncIndex(naming.index), naming.name);
                }
            }
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Reads a constant expression, and adds the functions that it refers to to `declared`.
fn const_expr(declared: &mut Vec<FuncIndex>, expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, Error> {
    if let Some(value) = i32_const(expr) {
        return Ok(ConstExpr::Single(ConstOp::I32(value)));
    }
    let mut reader = expr.get_operators_reader();
    let mut ops = Vec::with_capacity(1);
    loop {
        ops.push(match reader.read()? {
            Operator::I32Const { value } => ConstOp::I32(value),
            Operator::I64Const { value } => ConstOp::I64(value),
            Operator::F32Const { value } => ConstOp::F32(value.bits()),
            Operator::F64Const { value } => ConstOp::F64(value.bits()),
            Operator::V128Const { value } => ConstOp::V128(*value.bytes()),
            Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
            Operator::RefNull { .. } => ConstOp::RefNull,
            Operator::RefFunc { function_index } => {
                declared.push(FuncIndex(function_index));
                ConstOp::RefFunc(FuncIndex(function_index))
            }
            Operator::I32Add => ConstOp::I32Add,
            Operator::I32Sub => ConstOp::I32Sub,
            Operator::I32Mul => ConstOp::I32Mul,
            Operator::I64Add => ConstOp::I64Add,
            Operator::I64Sub => ConstOp::I64Sub,
            Operator::I64Mul => ConstOp::I64Mul,
            Operator::End => break,
            other => unreachable!("validated: {other:?} in a constant expression"),
        });
    }
    Ok(match ops[..] {
        [op] => ConstExpr::Single(op),
        _ => ConstExpr::Several(ops.into()),
    })
}

const I32_CONST: u8 = 0x41;
const END: u8 = 0x0B;

/// The value of an expression that is nothing but a constant, as the offsets of segments are.
fn i32_const(expr: &wasmparser::ConstExpr<'_>) -> Option<i32> {
    let mut reader = expr.get_binary_reader();
    if reader.read_u8().ok()? != I32_CONST {
        return None;
    }
    let value = reader.read_var_i32().ok()?;
    (reader.read_u8().ok()? == END).then_some(value)
}

fn table_type(info: &ModuleInfo, ty: wasmparser::TableType) -> Result<TableType, Error> {
    Ok(TableType {
        element: ref_type(info, ty.element_type)?,
        minimum: ty.initial,
        maximum: ty.maximum,
        index: IndexType::of(ty.table64),
    })
}

fn memory_type(ty: wasmparser::MemoryType) -> MemoryType {
    MemoryType {
        minimum: ty.initial,
        maximum: ty.maximum,
        index: IndexType::of(ty.memory64),
        shared: ty.shared,
        // 0 or 16, as validated.
        page_size_log2: ty.page_size_log2.unwrap_or(16) as u8,
    }
}

fn global_type(info: &ModuleInfo, ty: wasmparser::GlobalType) -> Result<GlobalType, Error> {
    Ok(GlobalType { content: val_type(info, ty.content_type)?, mutable: ty.mutable })
}

fn val_type(info: &ModuleInfo, ty: wasmparser::ValType) -> Result<ValType, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(info, ty)?),
    })
}

fn ref_type(info: &ModuleInfo, ty: wasmparser::RefType) -> Result<RefType, Error> {
    use wasmparser::HeapType::{Abstract, Concrete};
    let heap = match ty.heap_type() {
        Abstract { ty: AbstractHeapType::Func, .. } => HeapType::Func,
        Abstract { ty: AbstractHeapType::Extern, .. } => HeapType::Extern,
        Abstract { ty: AbstractHeapType::Exn, .. } => HeapType::Exn,
        Abstract { ty: AbstractHeapType::NoExn, .. } => HeapType::NoExn,
        Concrete(UnpackedIndex::Module(index)) => HeapType::ConcreteFunc(info.types[index as usize].clone()),
        other => unreachable!("validated: a reference to {other:?}"),
    };
    Ok(RefType { nullable: ty.is_nullable(), heap })
}
