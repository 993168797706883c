//! What a line of a disassembler says: registers, numbers, and whether two lines say the same.

/// A line, which is compared as far as the shorter notation goes.
pub struct Reading {
    /// The first word that is not in braces, with the usual one of two names of a condition.
    pub mnemonic: String,
    /// The registers in their order, by their names.
    pub registers: Vec<String>,
    numbers: Vec<i64>,
    /// What stands in braces, sorted: masks, zeroing, broadcasts, rounding, flags.
    decorators: Vec<String>,
}

impl Reading {
    /// What a line of either disassembler says. LLVM adds comments.
    pub fn of(line: &str) -> Reading {
        let line = line.split('#').next().unwrap_or(line);
        let (mut registers, mut numbers) = (Vec::new(), Vec::new());
        let mut negative = false;
        let separators = |c: char| !c.is_ascii_alphanumeric();
        for part in line.split_inclusive(separators) {
            let word = part.trim_end_matches(separators);
            if let Some(number) = number(word) {
                numbers.push(if negative { number.wrapping_neg() } else { number });
            } else if is_register(word) {
                registers.push(word.to_string());
            }
            negative = part.ends_with('-') || (word.is_empty() && negative && part == " ");
        }
        let mnemonic = line.split_whitespace().find(|word| !word.starts_with('{')).unwrap_or("");
        Reading { mnemonic: with_usual_condition(mnemonic), registers, numbers, decorators: decorators(line) }
    }
}

/// Conditions have two names (SDM Vol. 1, appendix B): the rows have one, LLVM has the other in most versions.
fn with_usual_condition(mnemonic: &str) -> String {
    const NAMES: [(&str, &str); 6] = [("nbe", "a"), ("nb", "ae"), ("nle", "g"), ("nl", "ge"), ("nz", "ne"), ("z", "e")];
    const STEMS: [(&str, &str); 7] =
        [("ccmp", ""), ("cfcmov", ""), ("cmov", ""), ("ctest", ""), ("setzu", ""), ("set", ""), ("cmp", "xadd")];
    for (stem, end) in STEMS {
        let condition = mnemonic.strip_prefix(stem).and_then(|rest| rest.strip_suffix(end));
        if let Some((_, usual)) = NAMES.iter().find(|(name, _)| condition == Some(*name)) {
            return format!("{stem}{usual}{end}");
        }
    }
    mnemonic.to_string()
}

fn decorators(line: &str) -> Vec<String> {
    let inside = |part: &str| part.split('}').next().unwrap_or(part).to_string();
    let mut list: Vec<String> = line.split('{').skip(1).map(inside).collect();
    // LLVM says it where the shortest encoding would be another.
    list.retain(|word| word != "evex" && word != "vex");
    list.sort();
    list
}

fn number(word: &str) -> Option<i64> {
    let hexadecimal = word.strip_prefix("0x").or(word.strip_suffix('h'));
    let digits =
        hexadecimal.filter(|digits| digits.starts_with(|c: char| c.is_ascii_digit()) || word.starts_with("0x"));
    match digits {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as i64),
        None => word.parse::<u64>().ok().map(|number| number as i64),
    }
}

fn is_register(word: &str) -> bool {
    const NAMES: &[&str] = &["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let legacy = word.strip_prefix(['r', 'e']).unwrap_or(word);
    NAMES.contains(&legacy)
        || ["al", "cl", "dl", "bl", "ah", "ch", "dh", "bh", "spl", "bpl", "sil", "dil", "fs", "gs"].contains(&word)
        || (["xmm", "ymm", "zmm", "mm", "k", "r", "tmm", "cr", "dr", "st"].contains(&name) && name != word)
        || (word.starts_with('r') && word[1..].trim_end_matches(['b', 'w', 'd']).parse::<u8>().is_ok())
}

/// Whether both read the same. Each leaves out some registers and numbers that the instruction implies.
pub fn agree(ours: &Reading, theirs: &Reading) -> bool {
    let (one, two) = (numbers(ours), numbers(theirs));
    let same_numbers = is_part(&one, &two) || is_part(&two, &one);
    is_part(&ours.registers, &theirs.registers) && same_numbers && ours.decorators == theirs.decorators
}

/// The numbers in an order that both have.
fn numbers(reading: &Reading) -> Vec<Number> {
    // Scales of one and displacements of zero are written or not.
    let mut numbers: Vec<i64> = reading.numbers.iter().copied().filter(|number| !(0..=1).contains(number)).collect();
    numbers.sort_by_key(|&number| (number as u8, number as u16, number as u32));
    numbers.into_iter().map(Number).collect()
}

/// A number written with a sign or without, in the width of its operand.
struct Number(i64);

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        let same = |bits: u32| {
            let range = -(1i128 << (bits - 1))..1i128 << bits;
            let fits = range.contains(&self.0.into()) && range.contains(&other.0.into());
            fits && (self.0 ^ other.0) << (64 - bits) == 0
        };
        self.0 == other.0 || [8, 16, 32].into_iter().any(same)
    }
}

/// Whether `part` is left of `whole` when some are left out.
fn is_part<T: PartialEq>(part: &[T], whole: &[T]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|item| rest.any(|other| other == item))
}
