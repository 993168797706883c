//! What machine code the compiler selects: `tests/lowering/*.wat`, each with the code of its functions in comments at
//! its end. `BLESS=1 cargo test --test lowering` rewrites those; the difference is for review.
//!
//! A file's first lines may say `;; cpu: baseline` (or `v2`, `avx512`; `v3` if nothing is said), `;; memory: checked` and
//! `;; signals: off`. Features that are off by default are on.

use iced_x86::{
    Code, Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, Mnemonic, OpKind, SymbolResolver,
    SymbolResult,
};
use planish::{CompiledFunction, Config, CpuLevel, Engine, Module, WasmFeature};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const OFF_BY_DEFAULT: &[WasmFeature] =
    &[WasmFeature::Threads, WasmFeature::CustomPageSizes, WasmFeature::WideArithmetic];

/// What begins the comments that the test writes.
const EXPECTED: &str = ";; function ";

#[test]
fn machine_code_is_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lowering");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "wat"));
    files.sort();
    assert!(!files.is_empty());
    let differences: String = files.iter().filter_map(|file| check(file)).collect();
    assert!(differences.is_empty(), "{differences}\n`BLESS=1 cargo test --test lowering` accepts all of this");
}

/// The difference between what a file expects and what it becomes.
fn check(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).unwrap();
    let source = text.find(EXPECTED).map_or(text.as_str(), |at| &text[..at]);
    let Some(engine) = engine(source) else {
        println!("{}: not checked, this machine lacks the instructions", file.display());
        return None;
    };
    let module = Module::new(&engine, source).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let became = format!("{}\n\n{}", source.trim_end(), listing(&module));
    if text == became {
        return None;
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(file, became).unwrap();
        return None;
    }
    Some(format!("{}:\n{}", file.display(), difference(&text, &became)))
}

/// As a file's first lines want it, if this machine can. What an engine may use is capped, so newer machines do not
/// matter.
fn engine(source: &str) -> Option<Engine> {
    let option = |name: &str| source.lines().find_map(|line| line.strip_prefix(";; ")?.strip_prefix(name));
    let v2 = is_x86_feature_detected!("popcnt");
    let v3 = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("lzcnt");
    let avx512 = is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bitalg");
    let (level, able) = match option("cpu: ") {
        Some("baseline") => (CpuLevel::Baseline, true),
        Some("v2") => (CpuLevel::V2, v2),
        None | Some("v3") => (CpuLevel::V3, v2 && v3),
        // Nothing beyond these is used yet.
        Some("avx512") => (CpuLevel::Native, v2 && v3 && avx512),
        Some(other) => panic!("no such level: {other}"),
    };
    let guard = option("memory: ").is_none_or(|memory| memory != "checked");
    let signals = option("signals: ").is_none_or(|signals| signals != "off");
    let mut config = Config::new();
    OFF_BY_DEFAULT.iter().for_each(|feature| _ = config.wasm_feature(*feature, true));
    able.then(|| Engine::new(config.cpu_level(level).guard_memory(guard).signals_based_traps(signals)).unwrap())
}

/// Lines that only one of them has, in order.
fn difference(expected: &str, became: &str) -> String {
    let (expected, became): (Vec<_>, Vec<_>) = (expected.lines().collect(), became.lines().collect());
    // The longest common subsequence, from the back.
    let mut common = vec![vec![0usize; became.len() + 1]; expected.len() + 1];
    for i in (0..expected.len()).rev() {
        for j in (0..became.len()).rev() {
            common[i][j] = if expected[i] == became[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < expected.len() || j < became.len() {
        if i < expected.len() && j < became.len() && expected[i] == became[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == became.len() || i < expected.len() && common[i + 1][j] >= common[i][j + 1] {
            writeln!(text, "- {}", expected[i]).unwrap();
            i += 1;
        } else {
            writeln!(text, "+ {}", became[j]).unwrap();
            j += 1;
        }
    }
    text
}

// Disassembly.

fn listing(module: &Module) -> String {
    let starts: BTreeMap<u64, u32> =
        module.compiled_functions().map(|function| (function.code_offset().into(), function.index())).collect();
    let functions: Vec<String> = module.compiled_functions().map(|function| print(&function, &starts)).collect();
    functions.join("\n")
}

/// Names for the places that instructions refer to.
struct Labels(BTreeMap<u64, String>);

impl SymbolResolver for Labels {
    fn symbol(
        &mut self,
        instruction: &Instruction,
        _: u32,
        _: Option<u32>,
        address: u64,
        _: u32,
    ) -> Option<SymbolResult<'_>> {
        // Any other number is a number.
        let name = self.0.get(&address).filter(|_| target(instruction) == Some(address))?;
        Some(SymbolResult::with_str(address, name))
    }
}

/// What an instruction refers to, relative to itself.
fn target(instruction: &Instruction) -> Option<u64> {
    let branch = instruction.op_count() > 0 && instruction.op0_kind() == OpKind::NearBranch64;
    match branch {
        true => Some(instruction.near_branch_target()),
        false => instruction.is_ip_rel_memory_operand().then(|| instruction.ip_rel_memory_address()),
    }
}

fn print(function: &CompiledFunction<'_>, starts: &BTreeMap<u64, u32>) -> String {
    let (code, base) = (function.code(), u64::from(function.code_offset()));
    let (instructions, end) = instructions(code, base);
    let (tables, table_targets) = tables(&instructions, code, base);
    let targets: BTreeSet<u64> = instructions.iter().filter_map(target).chain(table_targets).collect();
    let mut names = BTreeMap::new();
    for at in targets {
        // Its own start as a target is a call: no loop begins before the prologue.
        let name = starts.get(&at).map_or_else(|| format!(".{}", names.len() + 1), |index| format!("function {index}"));
        names.insert(at, name);
    }
    let name = function.name().map_or(String::new(), |name| format!(" ${name}"));
    let mut text = format!("{EXPECTED}{}{name}:\n", function.index());
    let mut formatter = IntelFormatter::with_options(Some(Box::new(Labels(names.clone()))), None);
    formatter.options_mut().set_space_after_operand_separator(true);
    formatter.options_mut().set_hex_prefix("0x");
    formatter.options_mut().set_hex_suffix("");
    formatter.options_mut().set_rip_relative_addresses(true);
    let mut line = String::new();
    for instruction in &instructions {
        label(&mut text, &names, instruction.ip(), base);
        line.clear();
        formatter.format(instruction, &mut line);
        if instruction.code() == Code::Ud2 {
            // The byte behind it says why.
            write!(line, " {}", code[(instruction.next_ip() - base) as usize]).unwrap();
        }
        if !is_padding(instruction) {
            writeln!(text, ";;     {line}").unwrap();
        } else if !text.ends_with("(aligned)\n") {
            writeln!(text, ";;     (aligned)").unwrap();
        }
    }
    print_data(&mut text, &names, &tables, &code[end..], base, base + end as u64);
    text
}

fn is_padding(instruction: &Instruction) -> bool {
    matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3)
}

fn label(text: &mut String, names: &BTreeMap<u64, String>, at: u64, base: u64) {
    if let Some(name) = names.get(&at).filter(|_| at != base) {
        writeln!(text, ";; {name}:").unwrap();
    }
}

/// Jump tables: where they are, their targets. Entries are distances from the table's start.
fn tables(instructions: &[Instruction], code: &[u8], base: u64) -> (BTreeMap<u64, Vec<u64>>, BTreeSet<u64>) {
    let starts: BTreeSet<u64> =
        instructions.iter().filter(|lea| lea.mnemonic() == Mnemonic::Lea).filter_map(target).collect();
    let places: BTreeSet<u64> = instructions.iter().map(Instruction::ip).collect();
    let mut tables = BTreeMap::new();
    for &start in &starts {
        let entries = code[(start - base) as usize..].chunks_exact(4).enumerate();
        let entries = entries
            .take_while(|(number, _)| *number == 0 || !starts.contains(&(start + 4 * *number as u64)))
            .map(|(_, entry)| start.wrapping_add_signed(i32::from_le_bytes(entry.try_into().unwrap()).into()))
            .take_while(|target| places.contains(target));
        tables.insert(start, entries.collect());
    }
    let targets = tables.values().flatten().copied().collect();
    (tables, targets)
}

/// Jump tables, then constants, eight bytes a line.
fn print_data(
    text: &mut String,
    names: &BTreeMap<u64, String>,
    tables: &BTreeMap<u64, Vec<u64>>,
    data: &[u8],
    base: u64,
    start: u64,
) {
    let labels: Vec<u64> = names.range(start..start + data.len() as u64).map(|(at, _)| *at).collect();
    for (number, &at) in labels.iter().enumerate() {
        label(text, names, at, base);
        if let Some(targets) = tables.get(&at) {
            let targets: Vec<&str> = targets.iter().map(|target| names[target].as_str()).collect();
            writeln!(text, ";;     {}", targets.join(" ")).unwrap();
            continue;
        }
        let end = labels.get(number + 1).map_or(data.len(), |next| (next - start) as usize);
        let bytes = &data[(at - start) as usize..end];
        // Up to the padding before the next function.
        let len = bytes.iter().rposition(|byte| *byte != 0xcc).map_or(0, |last| last + 1);
        for line in bytes[..len].chunks(8) {
            let bytes: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            writeln!(text, ";;     {}", bytes.join(" ")).unwrap();
        }
    }
}

/// The instructions without padding at their end, and where data begins.
fn instructions(code: &[u8], base: u64) -> (Vec<Instruction>, usize) {
    let mut decoder = Decoder::with_ip(64, code, base, DecoderOptions::NONE);
    let (mut instructions, mut data) = (Vec::new(), base + code.len() as u64);
    while decoder.can_decode() && decoder.ip() < data {
        let instruction = decoder.decode();
        if instruction.is_ip_rel_memory_operand() {
            data = data.min(instruction.ip_rel_memory_address());
        }
        instructions.push(instruction);
        if instruction.code() == Code::Ud2 {
            let next = decoder.position() + 1;
            decoder.set_position(next).unwrap();
            decoder.set_ip(base + next as u64);
        }
    }
    let len = instructions.iter().rposition(|instruction| !is_padding(instruction)).map_or(0, |last| last + 1);
    instructions.truncate(len);
    (instructions, (data - base) as usize)
}
