//! What is known of a module: its sections, checked, and its bodies, located.

use crate::error::Error;
use crate::types::{
    ConcreteFuncType, FuncIndex, FuncType, GlobalIndex, GlobalType, HeapType, MemoryIndex, MemoryType, RefType,
    TableIndex, TableType, TagIndex, TypeIndex, ValType,
};
use std::ops::Range;
use std::sync::OnceLock;
use wasmparser::{
    BinaryReader, FuncToValidate, FuncValidatorAllocations, FunctionBody, ValidatorResources, WasmFeatures,
};

/// Everything about a module that outlives its bytes. Index spaces hold imports first.
#[derive(Default)]
pub(crate) struct ModuleInfo {
    /// What bodies may use.
    pub(crate) features: WasmFeatures,
    /// The module keeps the references, and with them the numbers that are in its code.
    pub(crate) types: Vec<ConcreteFuncType>,
    /// By type, the references to it, nullable and not: what names them borrows them and need not count.
    pub(crate) references: Vec<[ValType; 2]>,
    pub(crate) imports: Vec<Import>,
    pub(crate) functions: Vec<TypeIndex>,
    pub(crate) tables: Vec<TableType>,
    pub(crate) memories: Vec<MemoryType>,
    pub(crate) globals: Vec<GlobalType>,
    pub(crate) tags: Vec<TypeIndex>,
    pub(crate) imported_functions: u32,
    pub(crate) imported_tables: u32,
    pub(crate) imported_memories: u32,
    pub(crate) imported_globals: u32,
    pub(crate) imported_tags: u32,
    /// Initial values of the module's own tables (usually null) and globals.
    pub(crate) table_inits: Vec<Option<ConstExpr>>,
    pub(crate) global_inits: Vec<ConstExpr>,
    pub(crate) exports: Vec<Export>,
    pub(crate) start: Option<FuncIndex>,
    pub(crate) elements: Vec<ElementSegment>,
    pub(crate) data: Vec<DataSegment>,
    /// Of all data segments, one behind the other.
    pub(crate) data_bytes: Vec<u8>,
    /// The functions, imported or not, that `ref.func` in a body may name (specification 3.4.1, C.REFS): sorted.
    pub(crate) declared: Vec<FuncIndex>,
    /// What the data count section says, if there is one.
    pub(crate) data_count: Option<u32>,
    /// The module's own functions that can be referred to by a value (exported, in an element segment, in a
    /// constant expression, or the start function): sorted; a function's place here is the place of its record
    /// in an instance.
    pub(crate) referable: Vec<FuncIndex>,
    /// Function names of the custom section `name`.
    pub(crate) function_names: FunctionNames,
    /// By index, the first export of each exported function: made when somebody asks for a name.
    pub(crate) exported_functions: OnceLock<Box<[(FuncIndex, u32)]>>,
    pub(crate) module_name: Option<Box<str>>,
    /// Bytes of the code section.
    pub(crate) code_bytes: usize,
}

impl ModuleInfo {
    /// The name by which a function is exported, the first if it has several.
    pub(crate) fn export_name(&self, func: FuncIndex) -> Option<&str> {
        let exported = self.exported_functions.get_or_init(|| {
            let function = |(place, export): (usize, &Export)| match export.item {
                ExportItem::Func(func) => Some((func, place as u32)),
                _ => None,
            };
            let mut functions: Vec<_> = self.exports.iter().enumerate().filter_map(function).collect();
            functions.sort_unstable();
            functions.dedup_by_key(|(func, _)| *func);
            functions.into()
        });
        let at = exported.binary_search_by_key(&func, |(func, _)| *func).ok()?;
        Some(&self.exports[exported[at].1 as usize].name)
    }
}

/// Function names, one behind the other.
#[derive(Default)]
pub(crate) struct FunctionNames {
    text: String,
    /// By rising index; each ends in `text` at the second number.
    ends: Vec<(FuncIndex, u32)>,
}

impl FunctionNames {
    pub(crate) fn add(&mut self, func: FuncIndex, name: &str) {
        self.text.push_str(name);
        self.ends.push((func, self.text.len() as u32));
    }

    /// The name section's names come in order of their indexes.
    pub(crate) fn get(&self, func: FuncIndex) -> Option<&str> {
        let place = self.ends.binary_search_by_key(&func, |(named, _)| *named).ok()?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before].1);
        self.text.get(start as usize..self.ends[place].1 as usize)
    }
}

pub(crate) struct Import {
    pub(crate) module: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) item: ImportItem,
}

/// What is imported; the payload indexes the type's own index space.
#[derive(Clone)]
pub(crate) enum ImportItem {
    Func(TypeIndex),
    Table(TableType),
    Memory(MemoryType),
    Global(GlobalType),
    Tag(TypeIndex),
}

pub(crate) struct Export {
    pub(crate) name: Box<str>,
    pub(crate) item: ExportItem,
}

#[derive(Clone, Copy)]
pub(crate) enum ExportItem {
    Func(FuncIndex),
    Table(TableIndex),
    Memory(MemoryIndex),
    Global(GlobalIndex),
    Tag(TagIndex),
}

/// A constant expression (specification 3.3.10).
pub(crate) enum ConstExpr {
    /// Nearly all of them; some compilers write a hundred thousand data segments.
    Single(ConstOp),
    /// In postfix order.
    Several(Box<[ConstOp]>),
}

#[derive(Clone, Copy)]
pub(crate) enum ConstOp {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
    V128([u8; 16]),
    GlobalGet(GlobalIndex),
    RefFunc(FuncIndex),
    RefNull,
    I32Add,
    I32Sub,
    I32Mul,
    I64Add,
    I64Sub,
    I64Mul,
}

pub(crate) struct ElementSegment {
    pub(crate) ty: RefType,
    pub(crate) mode: SegmentMode<TableIndex>,
    pub(crate) items: ElementItems,
}

pub(crate) enum ElementItems {
    Functions(Box<[FuncIndex]>),
    Expressions(Box<[ConstExpr]>),
}

pub(crate) enum SegmentMode<I> {
    Passive,
    /// Copied to the table or memory when the module is instantiated.
    Active {
        target: I,
        offset: ConstExpr,
    },
    /// An element segment that only makes functions referable.
    Declared,
}

pub(crate) struct DataSegment {
    pub(crate) mode: SegmentMode<MemoryIndex>,
    /// In the bytes of all segments.
    pub(super) bytes: Range<usize>,
}

/// One function body, located but not yet read.
#[derive(Clone, Copy)]
pub(crate) struct Body<'a> {
    pub(crate) bytes: &'a [u8],
    /// Of its first byte in the module file.
    pub(crate) offset: usize,
}

/// All function bodies, in order.
#[derive(Default)]
pub(crate) struct Bodies<'a> {
    pub(crate) module: &'a [u8],
    pub(crate) bodies: Vec<Body<'a>>,
    /// What the parser's validator knows of the module, if there is a body.
    pub(super) resources: Option<ValidatorResources>,
}

impl Bodies<'_> {
    /// Where in the module a body is.
    pub(crate) fn range(&self, own: u32) -> Range<u32> {
        let body = self.bodies[own as usize];
        body.offset as u32..(body.offset + body.bytes.len()) as u32
    }

    /// Validates the body of one of the module's own functions as the parser does.
    pub(crate) fn validate(&self, info: &ModuleInfo, own: u32, body: Body<'_>) -> Result<(), Error> {
        let index = info.imported_functions + own;
        let function = FuncToValidate {
            resources: self.resources.clone().expect("there is a body"),
            index,
            ty: info.functions[index as usize].0,
            features: info.features,
        };
        let reader = BinaryReader::new_features(body.bytes, body.offset as u64, info.features);
        let mut validator = function.into_validator(FuncValidatorAllocations::default());
        validator.validate(&FunctionBody::new(reader)).map_err(Error::from)
    }
}

impl ConstExpr {
    /// In postfix order.
    pub(crate) fn ops(&self) -> &[ConstOp] {
        match self {
            ConstExpr::Single(op) => std::slice::from_ref(op),
            ConstExpr::Several(ops) => ops,
        }
    }
}

impl ModuleInfo {
    pub(crate) fn data_of(&self, segment: &DataSegment) -> &[u8] {
        &self.data_bytes[segment.bytes.clone()]
    }

    /// The exported functions, in the order of the exports.
    pub(crate) fn exported_functions(&self) -> impl Iterator<Item = FuncIndex> {
        self.exports.iter().filter_map(|export| match export.item {
            ExportItem::Func(func) => Some(func),
            _ => None,
        })
    }

    /// The type of a function, imported or not.
    pub(crate) fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.functions[func.index()].index()]
    }

    /// Can wasm code put references to exceptions elsewhere than on its stack: into a global, a table, or another exception? What it
    /// passes to the host is the host's business to [hold](crate::vm::exit::exception::Exceptions::hold).
    pub(crate) fn holds_exceptions(&self) -> bool {
        let is_exception = |ty: &RefType| matches!(ty.heap, HeapType::Exn | HeapType::NoExn);
        let holds = |ty: &ValType| matches!(ty, ValType::Ref(ty) if is_exception(ty));
        let mut tags = self.tags.iter().map(|ty| &self.types[ty.index()]);
        self.globals.iter().any(|global| holds(&global.content))
            || self.tables.iter().any(|table| is_exception(&table.element))
            || tags.any(|ty| ty.params().iter().any(holds))
    }

    /// The place of a function's record among an instance's own, if it can be referred to.
    pub(crate) fn record_of(&self, func: FuncIndex) -> Option<u32> {
        self.referable.binary_search(&func).ok().map(|place| place as u32)
    }
}
