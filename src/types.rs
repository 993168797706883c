//! The types of WebAssembly values and module fields (specification, section 2.3).

mod index;

pub(crate) use index::{FuncIndex, GlobalIndex, MemoryIndex, TableIndex, TagIndex, TypeIndex};

use crate::error::Error;
use crate::interning::{Intern, Interned, Table};
use std::borrow::Cow;
use std::ops::Deref;
use std::sync::LazyLock;

/// The type of a value on the operand stack, in a local, a parameter or a result.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit IEEE 754 number.
    F32,
    /// A 64-bit IEEE 754 number.
    F64,
    /// 128 bits of packed numbers.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// A nullable reference to any function.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// A nullable reference to a host object.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);
    /// A nullable reference to an exception.
    pub const EXNREF: ValType = ValType::Ref(RefType::EXNREF);
}

impl ValType {
    /// May a value of this type stand where one of type `other` is asked for (specification 3.3.3)?
    ///
    /// ```
    /// use planish::{HeapType, RefType, ValType};
    ///
    /// let non_null = ValType::Ref(RefType { nullable: false, heap: HeapType::Func });
    /// assert!(non_null.matches(&ValType::FUNCREF) && !ValType::FUNCREF.matches(&non_null));
    /// ```
    pub fn matches(&self, other: &ValType) -> bool {
        match (self, other) {
            (ValType::Ref(this), ValType::Ref(other)) => this.matches(other),
            _ => self == other,
        }
    }
}

impl std::fmt::Display for ValType {
    /// As in the text format; a function type that is referred to is a number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ValType::I32 => "i32",
            ValType::I64 => "i64",
            ValType::F32 => "f32",
            ValType::F64 => "f64",
            ValType::V128 => "v128",
            ValType::Ref(RefType { nullable: true, heap: HeapType::Func }) => "funcref",
            ValType::Ref(RefType { nullable: true, heap: HeapType::Extern }) => "externref",
            ValType::Ref(RefType { nullable: true, heap: HeapType::Exn }) => "exnref",
            ValType::Ref(RefType { nullable, heap }) => {
                return write!(f, "(ref {}{heap})", if *nullable { "null " } else { "" });
            }
        })
    }
}

/// The type of a reference.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RefType {
    /// May the reference be null?
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// A nullable reference to any function.
    pub const FUNCREF: RefType = RefType { nullable: true, heap: HeapType::Func };
    /// A nullable reference to a host object.
    pub const EXTERNREF: RefType = RefType { nullable: true, heap: HeapType::Extern };
    /// A nullable reference to an exception.
    pub const EXNREF: RefType = RefType { nullable: true, heap: HeapType::Exn };
}

impl RefType {
    /// May a reference of this type stand where one of type `other` is asked for?
    ///
    /// ```
    /// use planish::{FuncType, HeapType, RefType};
    ///
    /// let heap = HeapType::ConcreteFunc(FuncType::new([], []).into());
    /// assert!(RefType { nullable: true, heap }.matches(&RefType::FUNCREF));
    /// assert!(!RefType::EXTERNREF.matches(&RefType::FUNCREF));
    /// ```
    pub fn matches(&self, other: &RefType) -> bool {
        (other.nullable || !self.nullable) && self.heap.matches(&other.heap)
    }
}

/// What a reference refers to.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HeapType {
    /// A function of any type.
    Func,
    /// A function of this type.
    ConcreteFunc(ConcreteFuncType),
    /// An object of the host.
    Extern,
    /// An exception.
    Exn,
    /// Nothing: the type of a null that is a null of [`HeapType::Exn`].
    NoExn,
}

impl HeapType {
    /// Is everything of this type of type `other`, too?
    ///
    /// ```
    /// use planish::HeapType;
    ///
    /// assert!(HeapType::NoExn.matches(&HeapType::Exn) && !HeapType::Exn.matches(&HeapType::NoExn));
    /// ```
    pub fn matches(&self, other: &HeapType) -> bool {
        self == other
            || matches!((self, other), (HeapType::ConcreteFunc(_), HeapType::Func) | (HeapType::NoExn, HeapType::Exn))
    }
}

impl std::fmt::Display for HeapType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            HeapType::Func => "func",
            HeapType::ConcreteFunc(ty) => return write!(f, "func #{}", ty.number()),
            HeapType::Extern => "extern",
            HeapType::Exn => "exn",
            HeapType::NoExn => "noexn",
        })
    }
}

/// A counted reference to a function type, which reference types name. Two are equal exactly if the function types are. Made by
/// `From<FuncType>`; the process knows the type as long as a module, a store or one of these refers to it.
///
/// ```
/// use planish::{ConcreteFuncType, FuncType, ValType};
///
/// let ty = ConcreteFuncType::from(FuncType::new([ValType::I32], []));
/// assert_eq!(ty.params(), [ValType::I32]);
/// assert_eq!(ty, FuncType::new([ValType::I32], []).into());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ConcreteFuncType(Interned<FuncType>);

/// The message where a type gets no number.
pub(crate) const TOO_MANY_TYPES: &str = "too many function types in one process";

impl ConcreteFuncType {
    /// The reference to this type; none if the process has as many types as there are numbers.
    pub(crate) fn of(ty: Cow<'_, FuncType>) -> Option<ConcreteFuncType> {
        Interned::new(ty).map(ConcreteFuncType)
    }

    /// The number of the type in this process, from 1 to [`MAX_NUMBER`](crate::interning::MAX_NUMBER). **Escape:** compiled code
    /// compares it where it calls: whatever has the number in its code or in a function's record keeps the reference.
    pub(crate) fn number(&self) -> u32 {
        self.0.number()
    }

    pub(crate) fn interned(&self) -> &Interned<FuncType> {
        &self.0
    }

    /// The function type.
    pub fn func_type(&self) -> &FuncType {
        self.0.value()
    }
}

impl Deref for ConcreteFuncType {
    type Target = FuncType;

    fn deref(&self) -> &FuncType {
        self.func_type()
    }
}

impl From<FuncType> for ConcreteFuncType {
    /// Panics if the process has more than 200 million types.
    fn from(ty: FuncType) -> ConcreteFuncType {
        ConcreteFuncType::of(Cow::Owned(ty)).expect(TOO_MANY_TYPES)
    }
}

impl std::fmt::Debug for ConcreteFuncType {
    /// Only a number: what the type refers to may refer to further types, and so on.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ConcreteFuncType").field(&self.number()).finish()
    }
}

/// Parameters and results of a function.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncType {
    values: Box<[ValType]>,
    params: usize,
}

impl FuncType {
    /// As many parameters as a function can have, and as many results (JavaScript interface of WebAssembly, "Limits").
    const MAX_VALUES: usize = 1000;

    /// A function type from its parameters and results.
    ///
    /// # Panics
    ///
    /// Where [`FuncType::try_new`] gives an error.
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> FuncType {
        FuncType::try_new(params, results).expect("at most 1,000 parameters and 1,000 results")
    }

    /// A function type from its parameters and results.
    ///
    /// # Errors
    ///
    /// If there are more than 1,000 parameters or more than 1,000 results: a module could not have the type either.
    ///
    /// ```
    /// use planish::{FuncType, ValType};
    ///
    /// assert!(FuncType::try_new(vec![ValType::I32; 1000], []).is_ok());
    /// assert!(FuncType::try_new(vec![ValType::I32; 1001], []).is_err());
    /// assert!(FuncType::try_new([], std::iter::repeat(ValType::I32)).is_err());
    /// ```
    pub fn try_new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Result<FuncType, Error> {
        // Longer lists, endless ones among them, are not read to their end.
        let (params, results) =
            (params.into_iter().take(FuncType::MAX_VALUES + 1), results.into_iter().take(FuncType::MAX_VALUES + 1));
        // As a rule the iterators know, and the box is not a copy.
        let mut values = Vec::with_capacity(params.size_hint().0 + results.size_hint().0);
        values.extend(params);
        let params = values.len();
        values.extend(results);
        if params > FuncType::MAX_VALUES || values.len() - params > FuncType::MAX_VALUES {
            return Err(Error::msg("a function type with more than 1,000 parameters or results"));
        }
        Ok(FuncType { values: values.into(), params })
    }

    /// The types of the parameters, in order.
    pub fn params(&self) -> &[ValType] {
        &self.values[..self.params]
    }

    /// The types of the results, in order.
    pub fn results(&self) -> &[ValType] {
        &self.values[self.params..]
    }
}

/// The function types of the process.
static FUNC_TYPES: LazyLock<Table<FuncType>> = LazyLock::new(Table::default);

impl Intern for FuncType {
    fn table() -> &'static Table<FuncType> {
        &FUNC_TYPES
    }

    fn take_parts(&mut self, parts: &mut Vec<Interned<FuncType>>) {
        for value in &mut self.values {
            if let ValType::Ref(RefType { heap: heap @ HeapType::ConcreteFunc(_), .. }) = value
                && let HeapType::ConcreteFunc(ty) = std::mem::replace(heap, HeapType::Func)
            {
                parts.push(ty.0);
            }
        }
    }
}

impl std::fmt::Display for FuncType {
    /// As the text format writes an abbreviated type: `[i32 i64] -> [f32]`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "[{}] -> [{}]", list(self.params()), list(self.results()))
    }
}

/// Can a global be written after instantiation?
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mutability {
    /// It cannot.
    Const,
    /// It can.
    Var,
}

/// The type of a global variable.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// May it be written after instantiation?
    pub mutable: bool,
}

impl GlobalType {
    /// A global of this type.
    ///
    /// ```
    /// use planish::{GlobalType, Mutability, ValType};
    ///
    /// assert!(GlobalType::new(ValType::I32, Mutability::Var).mutable);
    /// ```
    pub fn new(content: ValType, mutability: Mutability) -> GlobalType {
        GlobalType { content, mutable: mutability == Mutability::Var }
    }
}

/// How wide the indexes of a memory or table are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum IndexType {
    I32,
    I64,
}

impl IndexType {
    pub(crate) fn of(is_64: bool) -> IndexType {
        if is_64 { IndexType::I64 } else { IndexType::I32 }
    }

    /// What growing answers when it cannot. **Escape:** an i32 is zero-extended like every other: compiled code may use it
    /// as an index.
    pub(crate) fn refused(self) -> u64 {
        match self {
            IndexType::I32 => u64::from(u32::MAX),
            IndexType::I64 => u64::MAX,
        }
    }
}

/// The type of a table; sizes in elements.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TableType {
    /// The type of its elements.
    pub element: RefType,
    /// The size it starts with.
    pub minimum: u64,
    /// The size it may not outgrow.
    pub maximum: Option<u64>,
    pub(crate) index: IndexType,
}

impl TableType {
    /// A table of `minimum` to `maximum` elements, with 32-bit indexes.
    ///
    /// ```
    /// use planish::{RefType, TableType};
    ///
    /// assert_eq!(TableType::new(RefType::FUNCREF, 10, None).minimum, 10);
    /// ```
    pub fn new(element: RefType, minimum: u32, maximum: Option<u32>) -> TableType {
        TableType { element, minimum: minimum.into(), maximum: maximum.map(Into::into), index: IndexType::I32 }
    }

    /// The same with 64-bit indexes.
    ///
    /// ```
    /// use planish::{RefType, TableType};
    ///
    /// assert!(TableType::new64(RefType::FUNCREF, 10, None).is_64());
    /// ```
    pub fn new64(element: RefType, minimum: u64, maximum: Option<u64>) -> TableType {
        TableType { element, minimum, maximum, index: IndexType::I64 }
    }

    /// Has it 64-bit indexes?
    pub fn is_64(&self) -> bool {
        self.index == IndexType::I64
    }

    /// Can there be a table of this type?
    pub(crate) fn is_possible(&self) -> bool {
        let most = if self.is_64() { u64::MAX } else { u64::from(u32::MAX) };
        within(self.minimum, self.maximum, most)
    }
}

/// The type of a linear memory; sizes in pages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryType {
    /// The size it starts with.
    pub minimum: u64,
    /// The size it may not outgrow.
    pub maximum: Option<u64>,
    pub(crate) index: IndexType,
    pub(crate) shared: bool,
    pub(crate) page_size_log2: u8,
}

/// Of a page, unless a memory says otherwise: 64 KiB.
const PAGE_SIZE_LOG2: u8 = 16;

impl MemoryType {
    /// A memory of `minimum` to `maximum` pages of 64 KiB, with 32-bit indexes.
    ///
    /// ```
    /// assert_eq!(planish::MemoryType::new(1, Some(4)).maximum, Some(4));
    /// ```
    pub fn new(minimum: u32, maximum: Option<u32>) -> MemoryType {
        MemoryType { index: IndexType::I32, ..MemoryType::new64(minimum.into(), maximum.map(Into::into)) }
    }

    /// The same with 64-bit indexes.
    ///
    /// ```
    /// assert!(planish::MemoryType::new64(1, None).is_64());
    /// ```
    pub fn new64(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType { minimum, maximum, index: IndexType::I64, shared: false, page_size_log2: PAGE_SIZE_LOG2 }
    }

    /// A memory that stores on several threads may have at once, with 32-bit indexes.
    ///
    /// ```
    /// assert!(planish::MemoryType::shared(1, 4).is_shared());
    /// ```
    pub fn shared(minimum: u32, maximum: u32) -> MemoryType {
        MemoryType { shared: true, ..MemoryType::new(minimum, Some(maximum)) }
    }

    /// Has it 64-bit indexes?
    pub fn is_64(&self) -> bool {
        self.index == IndexType::I64
    }

    /// May several stores have it at once?
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Bytes of a page: 65,536, or 1 where [custom page sizes](crate::WasmFeature::CustomPageSizes) are on.
    ///
    /// ```
    /// assert_eq!(planish::MemoryType::new(1, None).page_size(), 65536);
    /// ```
    pub fn page_size(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// The logarithm of that.
    pub fn page_size_log2(&self) -> u8 {
        self.page_size_log2
    }

    /// One by its parts, like the size of a page.
    ///
    /// ```
    /// use planish::MemoryType;
    ///
    /// let ty = MemoryType::builder().min(1000).max(Some(3000)).page_size_log2(0).build()?;
    /// assert_eq!(ty.page_size(), 1);
    /// # Ok::<(), planish::Error>(())
    /// ```
    pub fn builder() -> MemoryTypeBuilder {
        MemoryTypeBuilder::default()
    }

    /// The most pages that an index reaches.
    pub(crate) fn most_pages(&self) -> u64 {
        match (self.index, self.page_size_log2) {
            (IndexType::I32, 0) => u64::from(u32::MAX),
            (IndexType::I32, log2) => 1 << (32 - log2),
            (IndexType::I64, 0) => u64::MAX,
            (IndexType::I64, log2) => 1 << (64 - log2),
        }
    }

    /// Can there be a memory of this type?
    pub(crate) fn is_possible(&self) -> bool {
        matches!(self.page_size_log2, 0 | PAGE_SIZE_LOG2)
            && within(self.minimum, self.maximum, self.most_pages())
            && (!self.shared || self.maximum.is_some())
    }

    /// The length of so many pages; below 2^56 if [limits](crate::Config::max_memory_size) allow them.
    pub(crate) fn bytes_of(&self, pages: u64) -> u64 {
        pages << self.page_size_log2
    }

    /// Can all that an access may reach be reserved? **Escape:** only with 32-bit indexes, and only if the length is
    /// always a multiple of the system's page size.
    pub(crate) fn can_be_guarded(&self) -> bool {
        self.index == IndexType::I32 && self.page_size_log2 == PAGE_SIZE_LOG2
    }
}

/// Makes a [`MemoryType`] by its parts. Without them it has 32-bit indexes and starts with no page of 64 KiB.
#[derive(Clone, Debug)]
pub struct MemoryTypeBuilder {
    ty: MemoryType,
}

impl Default for MemoryTypeBuilder {
    fn default() -> MemoryTypeBuilder {
        MemoryTypeBuilder { ty: MemoryType::new(0, None) }
    }
}

impl MemoryTypeBuilder {
    /// The size it starts with, in pages.
    pub fn min(&mut self, minimum: u64) -> &mut MemoryTypeBuilder {
        self.ty.minimum = minimum;
        self
    }

    /// The size it may not outgrow, in pages.
    pub fn max(&mut self, maximum: Option<u64>) -> &mut MemoryTypeBuilder {
        self.ty.maximum = maximum;
        self
    }

    /// Has it 64-bit indexes?
    pub fn memory64(&mut self, memory64: bool) -> &mut MemoryTypeBuilder {
        self.ty.index = IndexType::of(memory64);
        self
    }

    /// May several stores have it at once? Then it needs a maximum.
    pub fn shared(&mut self, shared: bool) -> &mut MemoryTypeBuilder {
        self.ty.shared = shared;
        self
    }

    /// The logarithm of the bytes of a page: 16 or 0.
    pub fn page_size_log2(&mut self, page_size_log2: u8) -> &mut MemoryTypeBuilder {
        self.ty.page_size_log2 = page_size_log2;
        self
    }

    /// The type.
    ///
    /// # Errors
    ///
    /// If there can be no memory of this type.
    ///
    /// ```
    /// use planish::MemoryTypeBuilder;
    ///
    /// assert!(MemoryTypeBuilder::default().min(1 << 20).memory64(true).build().is_ok());
    /// assert!(MemoryTypeBuilder::default().min(1 << 20).build().is_err());
    /// assert!(MemoryTypeBuilder::default().page_size_log2(3).build().is_err());
    /// ```
    pub fn build(&self) -> Result<MemoryType, Error> {
        if self.ty.is_possible() { Ok(self.ty) } else { Err(Error::msg("a memory type with impossible limits")) }
    }
}

fn within(minimum: u64, maximum: Option<u64>, most: u64) -> bool {
    minimum <= most && maximum.is_none_or(|maximum| maximum <= most && maximum >= minimum)
}

/// The type of a tag: a function type whose parameters are what its exceptions carry; it has no results.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TagType {
    ty: FuncType,
}

impl TagType {
    /// The tag of a function type.
    ///
    /// ```
    /// use planish::{FuncType, TagType, ValType};
    ///
    /// let ty = TagType::new(FuncType::new([ValType::I32], []));
    /// assert_eq!(ty.ty().params(), [ValType::I32]);
    /// ```
    pub fn new(ty: FuncType) -> TagType {
        TagType { ty }
    }

    /// The function type.
    pub fn ty(&self) -> &FuncType {
        &self.ty
    }
}
