//! Random programs on vectors compute the same whether their operators stand in one function or each in a function of its
//! own, at every CPU level, and in guarded and checked memories: that is where registers run out and operands share them.
//! What each operator yields by itself, the specification suite says.
#![allow(missing_docs)]

mod random;

use planish::{Config, CpuLevel, Engine, Func, FuncType, Instance, Module, Store, Trap, V128, Val, ValType};
use random::Random;
use std::fmt::Write;

/// How many programs are tried.
const PROGRAMS: u64 = 40;

const SHAPES: [(&str, usize, &str); 6] = [
    ("i8x16", 16, "i32"),
    ("i16x8", 8, "i32"),
    ("i32x4", 4, "i32"),
    ("i64x2", 2, "i64"),
    ("f32x4", 4, "f32"),
    ("f64x2", 2, "f64"),
];

#[rustfmt::skip]
const BINARY: &[&str] = &[
    "v128.and", "v128.andnot", "v128.or", "v128.xor", "i8x16.swizzle", "i8x16.relaxed_swizzle",
    "i8x16.eq", "i8x16.ne", "i8x16.lt_s", "i8x16.lt_u", "i8x16.gt_s", "i8x16.gt_u", "i8x16.le_s", "i8x16.le_u", "i8x16.ge_s", "i8x16.ge_u",
    "i16x8.eq", "i16x8.ne", "i16x8.lt_s", "i16x8.lt_u", "i16x8.gt_s", "i16x8.gt_u", "i16x8.le_s", "i16x8.le_u", "i16x8.ge_s", "i16x8.ge_u",
    "i32x4.eq", "i32x4.ne", "i32x4.lt_s", "i32x4.lt_u", "i32x4.gt_s", "i32x4.gt_u", "i32x4.le_s", "i32x4.le_u", "i32x4.ge_s", "i32x4.ge_u",
    "i64x2.eq", "i64x2.ne", "i64x2.lt_s", "i64x2.gt_s", "i64x2.le_s", "i64x2.ge_s",
    "f32x4.eq", "f32x4.ne", "f32x4.lt", "f32x4.gt", "f32x4.le", "f32x4.ge",
    "f64x2.eq", "f64x2.ne", "f64x2.lt", "f64x2.gt", "f64x2.le", "f64x2.ge",
    "i8x16.add", "i8x16.add_sat_s", "i8x16.add_sat_u", "i8x16.sub", "i8x16.sub_sat_s", "i8x16.sub_sat_u", "i8x16.avgr_u",
    "i8x16.min_s", "i8x16.min_u", "i8x16.max_s", "i8x16.max_u", "i8x16.narrow_i16x8_s", "i8x16.narrow_i16x8_u",
    "i16x8.add", "i16x8.add_sat_s", "i16x8.add_sat_u", "i16x8.sub", "i16x8.sub_sat_s", "i16x8.sub_sat_u", "i16x8.avgr_u", "i16x8.mul",
    "i16x8.min_s", "i16x8.min_u", "i16x8.max_s", "i16x8.max_u", "i16x8.narrow_i32x4_s", "i16x8.narrow_i32x4_u", "i16x8.q15mulr_sat_s",
    "i16x8.relaxed_q15mulr_s", "i16x8.relaxed_dot_i8x16_i7x16_s", "i32x4.dot_i16x8_s",
    "i16x8.extmul_low_i8x16_s", "i16x8.extmul_high_i8x16_s", "i16x8.extmul_low_i8x16_u", "i16x8.extmul_high_i8x16_u",
    "i32x4.extmul_low_i16x8_s", "i32x4.extmul_high_i16x8_s", "i32x4.extmul_low_i16x8_u", "i32x4.extmul_high_i16x8_u",
    "i64x2.extmul_low_i32x4_s", "i64x2.extmul_high_i32x4_s", "i64x2.extmul_low_i32x4_u", "i64x2.extmul_high_i32x4_u",
    "i32x4.add", "i32x4.sub", "i32x4.mul", "i32x4.min_s", "i32x4.min_u", "i32x4.max_s", "i32x4.max_u", "i64x2.add", "i64x2.sub", "i64x2.mul",
    "f32x4.add", "f32x4.sub", "f32x4.mul", "f32x4.div", "f32x4.min", "f32x4.max", "f32x4.pmin", "f32x4.pmax",
    "f64x2.add", "f64x2.sub", "f64x2.mul", "f64x2.div", "f64x2.min", "f64x2.max", "f64x2.pmin", "f64x2.pmax",
    "f32x4.relaxed_min", "f32x4.relaxed_max", "f64x2.relaxed_min", "f64x2.relaxed_max",
];

#[rustfmt::skip]
const UNARY: &[&str] = &[
    "v128.not", "i8x16.abs", "i8x16.neg", "i8x16.popcnt", "i16x8.abs", "i16x8.neg", "i32x4.abs", "i32x4.neg", "i64x2.abs", "i64x2.neg",
    "f32x4.abs", "f32x4.neg", "f32x4.sqrt", "f32x4.ceil", "f32x4.floor", "f32x4.trunc", "f32x4.nearest",
    "f64x2.abs", "f64x2.neg", "f64x2.sqrt", "f64x2.ceil", "f64x2.floor", "f64x2.trunc", "f64x2.nearest",
    "i16x8.extend_low_i8x16_s", "i16x8.extend_high_i8x16_s", "i16x8.extend_low_i8x16_u", "i16x8.extend_high_i8x16_u",
    "i32x4.extend_low_i16x8_s", "i32x4.extend_high_i16x8_s", "i32x4.extend_low_i16x8_u", "i32x4.extend_high_i16x8_u",
    "i64x2.extend_low_i32x4_s", "i64x2.extend_high_i32x4_s", "i64x2.extend_low_i32x4_u", "i64x2.extend_high_i32x4_u",
    "i16x8.extadd_pairwise_i8x16_s", "i16x8.extadd_pairwise_i8x16_u", "i32x4.extadd_pairwise_i16x8_s", "i32x4.extadd_pairwise_i16x8_u",
    "f32x4.convert_i32x4_s", "f32x4.convert_i32x4_u", "f64x2.convert_low_i32x4_s", "f64x2.convert_low_i32x4_u",
    "i32x4.trunc_sat_f32x4_s", "i32x4.trunc_sat_f32x4_u", "i32x4.trunc_sat_f64x2_s_zero", "i32x4.trunc_sat_f64x2_u_zero",
    "f32x4.demote_f64x2_zero", "f64x2.promote_low_f32x4",
    "i32x4.relaxed_trunc_f32x4_s", "i32x4.relaxed_trunc_f32x4_u", "i32x4.relaxed_trunc_f64x2_s_zero", "i32x4.relaxed_trunc_f64x2_u_zero",
];

#[rustfmt::skip]
const TERNARY: &[&str] = &[
    "v128.bitselect", "i8x16.relaxed_laneselect", "i16x8.relaxed_laneselect", "i32x4.relaxed_laneselect", "i64x2.relaxed_laneselect",
    "f32x4.relaxed_madd", "f32x4.relaxed_nmadd", "f64x2.relaxed_madd", "f64x2.relaxed_nmadd", "i32x4.relaxed_dot_i8x16_i7x16_add_s",
];

#[rustfmt::skip]
const TESTS: &[&str] = &[
    "v128.any_true", "i8x16.all_true", "i16x8.all_true", "i32x4.all_true", "i64x2.all_true",
    "i8x16.bitmask", "i16x8.bitmask", "i32x4.bitmask", "i64x2.bitmask",
];

#[rustfmt::skip]
const LOADS: &[&str] = &[
    "v128.load", "v128.load", "v128.load", "v128.load8x8_s", "v128.load8x8_u", "v128.load16x4_s", "v128.load16x4_u", "v128.load32x2_s",
    "v128.load32x2_u", "v128.load8_splat", "v128.load16_splat", "v128.load32_splat", "v128.load64_splat", "v128.load32_zero", "v128.load64_zero",
];

/// Writes expressions in the text format: each operator in place, or as a call of a function that consists of it.
struct Program {
    random: Random,
    inline: bool,
    /// Without operators whose operands change places, and with them the NaN that results.
    ordered: bool,
    /// Calls nothing if its operators are in place: constants may stay in registers.
    leaf: bool,
    functions: Vec<String>,
    locals: usize,
}

impl Program {
    /// An operator with its immediates, of operands of these types, already written.
    fn apply(&mut self, operator: &str, types: &[&str], result: &str, operands: &[String]) -> String {
        let operands = operands.join(" ");
        if self.inline {
            return format!("({operator} {operands})");
        }
        let params = types.join(" ");
        let gets: String = (0..types.len()).map(|index| format!("(local.get {index})")).collect();
        let name = self.functions.len();
        let result = if result.is_empty() { String::new() } else { format!("(result {result})") };
        self.functions.push(format!("(func $f{name} (param {params}) {result} ({operator} {gets}))"));
        format!("(call $f{name} {operands})")
    }

    fn vector(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.random.below(8) {
                0 => {
                    let lanes = [0, 0, u64::MAX, 0x7FC0_0000_8000_0001, 0x0102_0304_8586_8788, 0x4f00_0000_3f80_0000];
                    let [a, b] = [0, 1].map(|_| lanes[self.random.below(lanes.len())]);
                    format!("(v128.const i64x2 {a} {b})")
                }
                _ => format!("(local.get $v{})", self.random.below(self.locals)),
            };
        }
        match self.random.below(24) {
            0..8 => {
                let mut operator = self.random.pick(BINARY);
                if self.ordered && ["f32x4.add", "f32x4.mul", "f64x2.add", "f64x2.mul"].contains(&operator) {
                    operator = "f64x2.sub";
                }
                let operands = [self.vector(depth - 1), self.vector(depth - 1)];
                self.apply(operator, &["v128"; 2], "v128", &operands)
            }
            8..11 => {
                let operator = self.random.pick(UNARY);
                let operand = self.vector(depth - 1);
                self.apply(operator, &["v128"], "v128", &[operand])
            }
            11 | 12 => {
                let operator = self.random.pick(TERNARY);
                let operands = [0; 3].map(|_| self.vector(depth - 1));
                self.apply(operator, &["v128"; 3], "v128", &operands)
            }
            13 | 14 => {
                let shape = SHAPES[self.random.below(4)].0;
                let operator = format!("{shape}.{}", self.random.pick(&["shl", "shr_s", "shr_u"]));
                let operands = [self.vector(depth - 1), self.number("i32", depth - 1)];
                self.apply(&operator, &["v128", "i32"], "v128", &operands)
            }
            15 => {
                let (shape, _, scalar) = SHAPES[self.random.below(6)];
                let operand = self.number(scalar, depth - 1);
                self.apply(&format!("{shape}.splat"), &[scalar], "v128", &[operand])
            }
            16 | 17 => {
                let (shape, lanes, scalar) = SHAPES[self.random.below(6)];
                let operator = format!("{shape}.replace_lane {}", self.random.below(lanes));
                let operands = [self.vector(depth - 1), self.number(scalar, depth - 1)];
                self.apply(&operator, &["v128", scalar], "v128", &operands)
            }
            18 if self.random.below(3) == 0 => self.rotation(),
            18..20 => {
                let operator = self.shuffle();
                let operands = [self.vector(depth - 1), self.vector(depth - 1)];
                self.apply(&operator, &["v128"; 2], "v128", &operands)
            }
            20 | 21 => {
                let operator = format!("{} offset={}", self.random.pick(LOADS), self.random.below(40));
                let operand = self.address();
                self.apply(&operator, &["i32"], "v128", &[operand])
            }
            22 => {
                let place = self.random.below(4);
                let lane = self.random.below(16 >> place);
                let operator = format!("v128.load{}_lane offset={} {lane}", 8 << place, self.random.below(40));
                let operands = [self.address(), self.vector(depth - 1)];
                self.apply(&operator, &["i32", "v128"], "v128", &operands)
            }
            _ => {
                let operands = [self.vector(depth - 1), self.vector(depth - 1), self.number("i32", depth - 1)];
                self.apply("select (result v128)", &["v128", "v128", "i32"], "v128", &operands)
            }
        }
    }

    /// Shifts both ways of one local; a rotation if the counts add up.
    fn rotation(&mut self) -> String {
        let (shape, bits) = [("i32x4", 32), ("i64x2", 64)][self.random.below(2)];
        let (local, left) = (self.random.below(self.locals), self.random.below(bits));
        let right = if self.random.below(4) == 0 { self.random.below(bits) } else { bits - left };
        let [a, b] = [("shl", left), ("shr_u", right)].map(|(shift, count)| {
            let operands = [format!("(local.get $v{local})"), format!("(i32.const {count})")];
            self.apply(&format!("{shape}.{shift}"), &["v128", "i32"], "v128", &operands)
        });
        let operands = if self.random.below(2) == 0 { [a, b] } else { [b, a] };
        self.apply("v128.or", &["v128"; 2], "v128", &operands)
    }

    /// Random bytes, or such as instructions move.
    fn shuffle(&mut self) -> String {
        let from = self.random.below(32);
        let width = 1 << self.random.below(4);
        let unpack = self.random.below(2) * 8;
        let kind = self.random.below(6);
        let mut operator = "i8x16.shuffle".to_owned();
        let lanes: Vec<usize> = (0..16).map(|_| self.random.below(32)).collect();
        for place in 0..16 {
            let byte = match kind {
                0 => lanes[place],
                1 => (from + place) % 32,
                2 => unpack + place / (2 * width) * width + place % width + 16 * (place / width % 2),
                3 => place + 16 * (lanes[place / 2] % 2),
                4 => lanes[place / width] / width * width % 16 + place % width,
                _ => lanes[place / 4] / 4 * 4 + place % 4,
            };
            write!(operator, " {}", byte % 32).unwrap();
        }
        operator
    }

    fn number(&mut self, ty: &str, depth: usize) -> String {
        if depth == 0 || self.random.below(4) == 0 {
            return match self.random.below(3) {
                0 if ty.starts_with('i') => format!("({ty}.const {})", self.random.below(100)),
                _ => format!("(local.get ${ty})"),
            };
        }
        let operand = self.vector(depth - 1);
        match ty {
            "i32" if self.random.below(2) == 0 => {
                let operator = self.random.pick(TESTS);
                let test = self.apply(operator, &["v128"], "i32", &[operand]);
                if self.random.below(3) == 0 { format!("(i32.eqz {test})") } else { test }
            }
            _ => {
                let shapes: Vec<_> = SHAPES.iter().filter(|shape| shape.2 == ty).collect();
                let (shape, lanes, _) = *shapes[self.random.below(shapes.len())];
                let sign = if lanes >= 8 { self.random.pick(&["_s", "_u"]) } else { "" };
                let operator = format!("{shape}.extract_lane{sign} {}", self.random.below(lanes));
                self.apply(&operator, &["v128"], ty, &[operand])
            }
        }
    }

    fn address(&mut self) -> String {
        match self.random.below(3) {
            0 => format!("(i32.const {})", self.random.below(4000)),
            _ => "(i32.and (local.get $i32) (i32.const 4095))".to_owned(),
        }
    }

    fn statement(&mut self) -> String {
        match self.random.below(12) {
            0 => {
                let ty = self.random.pick(&["i32", "i64", "f32", "f64"]);
                format!("(local.set ${ty} {})", self.number(ty, 2))
            }
            1 => {
                let operands = [self.address(), self.vector(2)];
                self.apply("v128.store offset=3", &["i32", "v128"], "", &operands)
            }
            2 => {
                let place = self.random.below(4);
                let operator = format!("v128.store{}_lane {}", 8 << place, self.random.below(16 >> place));
                let operands = [self.address(), self.vector(2)];
                self.apply(&operator, &["i32", "v128"], "", &operands)
            }
            3 => format!("(global.set $g {}) (local.set $v0 (global.get $g))", self.vector(1)),
            4 => {
                let condition = self.number("i32", 2);
                let (then, otherwise) = (self.vector(2), self.vector(1));
                let target = self.random.below(self.locals);
                format!("(local.set $v{target} (if (result v128) {condition} (then {then}) (else {otherwise})))")
            }
            5 if !self.leaf => {
                let arguments: String = (0..9).map(|_| self.vector(1)).collect();
                let [a, b] = [0, 1].map(|_| self.random.below(self.locals));
                format!(
                    "(call $rotate {arguments}) (local.set $v{a}) (local.set $v{b}) (drop) (drop) (drop) (drop) (drop) (drop) (drop)"
                )
            }
            _ => {
                let (target, depth) = (self.random.below(self.locals), 1 + self.random.below(3));
                format!("(local.set $v{target} {})", self.vector(depth))
            }
        }
    }
}

fn program(seed: u64, inline: bool, ordered: bool) -> String {
    let mut random = Random(seed);
    let locals = [3, 8, 14, 30][random.below(4)];
    let leaf = random.below(2) == 0;
    let mut program = Program { random, inline, ordered, leaf, functions: Vec::new(), locals };
    let body: String = (0..30).map(|_| program.statement() + "\n").collect();
    let mut text =
        String::from("(module (memory (export \"memory\") 1) (global $g (mut v128) (v128.const i64x2 5 6))\n");
    // The memory is filled with bytes that are all sorts of numbers.
    let data: String = (0..4200).map(|_| format!("\\{:02x}", program.random.below(256))).collect();
    writeln!(text, "(data (i32.const 0) \"{data}\")").unwrap();
    // Parameters and results beyond the registers.
    let nine = "v128 ".repeat(9);
    let gets: String = (1..10).map(|index| format!("(local.get {})", index % 9)).collect();
    writeln!(text, "(func $rotate (param {nine}) (result {nine}) {gets})").unwrap();
    program.functions.iter().for_each(|function| writeln!(text, "{function}").unwrap());
    text.push_str(
        "(func (export \"run\") (local $i32 i32) (local $i64 i64) (local $f32 f32) (local $f64 f64) (local $n i32)\n",
    );
    (0..locals).for_each(|index| write!(text, "(local $v{index} v128)").unwrap());
    text.push_str("(local.set $n (i32.const 3)) (local.set $f32 (f32.const 1.5)) (local.set $i64 (i64.const -7)) (local.set $f64 (f64.const -0.1))");
    (1..locals).for_each(|index| write!(text, "(local.set $v{index} (v128.load (i32.const {})))", index * 16).unwrap());
    writeln!(text, "(loop $again {body} (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))")
        .unwrap();
    for index in 0..locals {
        writeln!(text, "(v128.store (i32.const {}) (local.get $v{index}))", 8192 + 16 * index).unwrap();
    }
    text.push_str("(i32.store (i32.const 8100) (local.get $i32)) (i64.store (i32.const 8104) (local.get $i64))\n");
    text.push_str("(f32.store (i32.const 8112) (local.get $f32)) (f64.store (i32.const 8120) (local.get $f64))))");
    text
}

/// The memory that a program leaves.
fn run(engine: &Engine, text: &str) -> Vec<u8> {
    let module = Module::new(engine, text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    instance.get_typed_func::<(), ()>(&mut store, "run").unwrap().call(&mut store, ()).unwrap();
    instance.get_memory(&mut store, "memory").unwrap().data(&store)[..9000].to_vec()
}

#[test]
fn random_programs_compute_the_same_everywhere() {
    let engine = |level, guard: bool| {
        let mut config = Config::new();
        if !guard {
            config.guard_memory(false);
        }
        Engine::new(config.cpu_level(level).deterministic(true)).unwrap()
    };
    let few = |level| Engine::new(Config::new().cpu_level(level).few_registers(true).deterministic(true)).unwrap();
    let engines = [
        engine(CpuLevel::Native, true),
        engine(CpuLevel::Native, false),
        engine(CpuLevel::V3, true),
        engine(CpuLevel::V2, false),
        engine(CpuLevel::Baseline, true),
        few(CpuLevel::Native),
        few(CpuLevel::Baseline),
    ];
    for seed in 1..=PROGRAMS {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (inline, calls) = (program(seed, true, false), program(seed, false, false));
        let expected = run(&engines[0], &calls);
        for (index, engine) in engines.iter().enumerate() {
            assert!(run(engine, &inline) == expected, "program {seed:#x}, engine {index}, in one function");
            assert!(run(engine, &calls) == expected, "program {seed:#x}, engine {index}, by calls");
        }
    }
}

/// Relaxed operators, too, are the same wherever they stand on one machine.
#[test]
fn random_programs_compute_the_same_in_one_function_and_by_calls() {
    let engine = |level, few| Engine::new(Config::new().cpu_level(level).few_registers(few)).unwrap();
    let levels = [CpuLevel::Native, CpuLevel::V3, CpuLevel::Baseline];
    let engines: Vec<Engine> = levels.iter().flat_map(|&level| [engine(level, false), engine(level, true)]).collect();
    for seed in 1..=PROGRAMS {
        let seed = seed.wrapping_mul(0xd134_2543_de82_ef95);
        let (inline, calls) = (program(seed, true, true), program(seed, false, true));
        for (index, engine) in engines.iter().enumerate() {
            assert!(run(engine, &inline) == run(engine, &calls), "program {seed:#x}, engine {index}");
        }
    }
}

/// Accesses with the bytes that they touch; `?` stands for the operands.
#[rustfmt::skip]
const ACCESSES: &[(u64, &str, bool)] = &[
    (16, "v128.load ?", false), (16, "v128.store ?", true),
    (8, "v128.load8x8_s ?", false), (8, "v128.load8x8_u ?", false), (8, "v128.load16x4_s ?", false), (8, "v128.load16x4_u ?", false),
    (8, "v128.load32x2_s ?", false), (8, "v128.load32x2_u ?", false),
    (1, "v128.load8_splat ?", false), (2, "v128.load16_splat ?", false), (4, "v128.load32_splat ?", false), (8, "v128.load64_splat ?", false),
    (4, "v128.load32_zero ?", false), (8, "v128.load64_zero ?", false),
    (1, "v128.load8_lane ? 15", false), (2, "v128.load16_lane ? 7", false), (4, "v128.load32_lane ? 3", false), (8, "v128.load64_lane ? 1", false),
    (1, "v128.store8_lane ? 0", true), (2, "v128.store16_lane ? 0", true), (4, "v128.store32_lane ? 0", true), (8, "v128.store64_lane ? 0", true),
    (1, "v128.store8_lane ? 15", true), (2, "v128.store16_lane ? 7", true), (4, "v128.store32_lane ? 3", true), (8, "v128.store64_lane ? 1", true),
];

/// Does an emulator run this test? QEMU stores a part of an access that crosses into a page without memory before it faults;
/// a processor stores all of it or nothing. Whoever starts an emulator sets the variable: nothing inside tells them apart.
fn is_emulated() -> bool {
    std::env::var_os("PLANISH_TEST_EMULATED").is_some()
}

/// Around the end of a memory of 4 GiB, where a signed or truncated displacement would go astray, too.
#[test]
fn accesses_are_as_wide_as_they_say_and_never_wrap() {
    const OFFSETS: [u64; 4] = [0, (1 << 31) - 1, 1 << 31, (1 << 32) - 1];
    const END: u64 = 1 << 32;
    let mut text = String::from("(module (memory (export \"m\") 65536)");
    for (number, &(_, access, store)) in ACCESSES.iter().enumerate() {
        for (at, offset) in OFFSETS.iter().enumerate() {
            let operator = access.replace('?', &format!("offset={offset}"));
            let value = if store || access.contains("lane") { "(local.get 1)" } else { "" };
            let expression = match store {
                true => format!("({operator} (local.get 0) {value})"),
                false => format!("(drop (i32x4.add ({operator} (local.get 0) {value}) (local.get 1)))"),
            };
            write!(text, "(func (export \"f{number}.{at}\") (param i32 v128) {expression})").unwrap();
        }
    }
    text.push(')');
    for (level, guard) in [(CpuLevel::Native, true), (CpuLevel::Native, false), (CpuLevel::Baseline, true)] {
        let mut config = Config::new();
        if !guard {
            config.guard_memory(false);
        }
        let engine = Engine::new(config.cpu_level(level)).unwrap();
        let module = Module::new(&engine, &text).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        let memory = instance.get_memory(&mut store, "m").unwrap();
        for (number, &(bytes, access, stores)) in ACCESSES.iter().enumerate() {
            for (at, offset) in OFFSETS.iter().enumerate() {
                let function =
                    instance.get_typed_func::<(u32, V128), ()>(&mut store, &format!("f{number}.{at}")).unwrap();
                let call = |store: &mut Store<()>, index: u64| {
                    function.call(store, (index as u32, V128::from(u128::MAX))).map_err(|error| error.trap())
                };
                let last = END - bytes;
                if let Some(index) = last.checked_sub(*offset).filter(|index| *index < END) {
                    assert_eq!(call(&mut store, index), Ok(()), "{access} {offset:#x}");
                    let mut around = [0; 32];
                    memory.read(&store, (END - 32) as usize, &mut around).unwrap();
                    let written = around.iter().filter(|&&byte| byte == 0xFF).count() as u64;
                    assert_eq!(written, if stores { bytes } else { 0 }, "{access} {offset:#x}");
                    memory.write(&mut store, (END - 32) as usize, &[0; 32]).unwrap();
                }
                for index in [last + 1 - offset.min(&last), END - 1] {
                    if index < END && index + offset + bytes > END {
                        let trap = call(&mut store, index);
                        assert_eq!(trap, Err(Some(Trap::MemoryOutOfBounds)), "{access} {offset:#x}+{index:#x}");
                        let mut before_end = [0; 32];
                        memory.read(&store, (END - 32) as usize, &mut before_end).unwrap();
                        if !is_emulated() {
                            assert_eq!(before_end, [0; 32], "{access} {offset:#x}+{index:#x} wrote before it trapped");
                        }
                        memory.write(&mut store, (END - 32) as usize, &[0; 32]).unwrap();
                    }
                }
            }
        }
    }
}

/// Ten vectors among numbers, eight of them in registers: to the host and back, from instance to instance, and as results.
#[test]
fn vectors_cross_the_door_in_registers_and_on_the_stack() {
    let types = vec![[ValType::I64, ValType::V128, ValType::F32]; 10].concat();
    let value = |index: usize| match types[index] {
        ValType::I64 => Val::I64(-(index as i64)),
        ValType::F32 => Val::from(index as f32),
        _ => Val::V128(V128::from((u128::MAX / 7).wrapping_mul(index as u128))),
    };
    let bits = |value: &Val| match value {
        Val::I64(value) => *value as u128,
        Val::F32(bits) => u128::from(*bits),
        other => other.unwrap_v128().as_u128(),
    };
    let list = "i64 v128 f32 ".repeat(10);
    let gets: String = (0..30).map(|index| format!("(local.get {index})")).collect();
    let text = format!(
        r#"(module (type $t (func (param {list}) (result {list}))) (import "" "f" (func $f (type $t)))
            (func (export "direct") (type $t) (call $f {gets}))
            (table funcref (elem $f))
            (func (export "indirect") (type $t) (call_indirect (type $t) {gets} (i32.const 0))))"#
    );
    for level in [CpuLevel::Native, CpuLevel::Baseline] {
        let engine = Engine::new(Config::new().cpu_level(level)).unwrap();
        let module = Module::new(&engine, &text).unwrap();
        let mut store = Store::new(&engine, ());
        let host = Func::new(&mut store, FuncType::new(types.clone(), types.clone()), |_, params, results| {
            results.copy_from_slice(params);
            Ok(())
        });
        // The second instance calls the first's function, which calls the host.
        let first = Instance::new(&mut store, &module, &[host.into()]).unwrap();
        let between = first.get_func(&mut store, "indirect").unwrap();
        let second = Instance::new(&mut store, &module, &[between.into()]).unwrap();
        for instance in [first, second] {
            for name in ["direct", "indirect"] {
                let func = instance.get_func(&mut store, name).unwrap();
                let arguments: Vec<Val> = (0..30).map(value).collect();
                let mut results = vec![Val::I32(0); 30];
                func.call(&mut store, &arguments, &mut results).unwrap();
                assert!(results.iter().map(bits).eq(arguments.iter().map(bits)), "{name}: {results:?}");
            }
        }
        let sum = Func::wrap(&mut store, |a: V128, b: i32, c: V128| V128::from(a.as_u128() + c.as_u128() + b as u128));
        let sum = sum.typed::<(V128, i32, V128), V128>(&store).unwrap();
        let result = sum.call(&mut store, (V128::from(1 << 100), 5, V128::from(1 << 100))).unwrap();
        assert_eq!(result.as_u128(), (1 << 101) + 5);
    }
}
