//! [`Listing`]: the finished code as text, with labels by name and notes.

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, SymbolResolver, SymbolResult};

use crate::buffer::Asm;
use crate::error::AsmError;
use crate::label::Label;

/// Marks from this number on are the listing's.
const FIRST_MARK: u32 = 1 << 31;

/// Names and notes, gathered while code is emitted; then the lines. Takes a record ([`Asm::with_records`]) for every note
/// and every change between code and data.
///
/// ```
/// use planish_asm::{Asm, Cond, LabelSlot, Record, listing::Listing, regs::*};
/// let (mut code, mut labels, mut records) = ([0; 64], [LabelSlot::EMPTY; 2], [Record::EMPTY; 8]);
/// let mut a = Asm::new(&mut code, &mut labels).with_relaxation(&mut records);
/// let mut listing = Listing::new();
/// let end = a.label();
/// listing.name(end, "end");
/// a.test(rax, rax).jcc(Cond::Equal, end);
/// listing.note(&mut a, "not zero");
/// a.dec(rax).bind(end).ret();
/// listing.data(&mut a);
/// a.u16(0x1234);
/// a.relax();
/// let lines: Vec<String> = listing.lines(&mut a, 0x1000)?.iter().map(|line| line.to_string()).collect();
/// assert_eq!(lines, [
///     "1000  48 85 C0                 test rax,rax",
///     "1003  74 03                    je short end",
///     "                               ; not zero\n1005  48 FF C8                 dec rax",
///     "end:\n1008  C3                       ret",
///     "1009  34 12                    db 34h,12h",
/// ]);
/// # Ok::<(), planish_asm::AsmError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Listing {
    names: BTreeMap<u32, String>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Entry {
    Note(String),
    Data,
    Code,
}

/// An instruction, or a few bytes of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it runs.
    pub address: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The instruction in Intel's syntax.
    pub text: String,
    /// The labels that are bound here.
    pub labels: Vec<String>,
    /// The notes about it, and the relocations in it.
    pub notes: Vec<String>,
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for label in &self.labels {
            writeln!(f, "{label}:")?;
        }
        for note in &self.notes {
            writeln!(f, "{:31}; {note}", "")?;
        }
        let bytes: Vec<String> = self.bytes.iter().map(|byte| format!("{byte:02X}")).collect();
        write!(f, "{:<5} {:<24} {}", format!("{:x}", self.address), bytes.join(" "), self.text)
    }
}

/// What is at each position.
#[derive(Default)]
struct Places {
    labels: BTreeMap<usize, Vec<String>>,
    notes: BTreeMap<usize, Vec<String>>,
    /// Where data (`true`) or code begins.
    data: BTreeMap<usize, bool>,
    relocations: BTreeMap<usize, String>,
}

impl Listing {
    /// Without names and notes.
    pub fn new() -> Listing {
        Listing::default()
    }

    /// Gives a label a name; the others are called by their numbers, `L0` and so on.
    pub fn name(&mut self, label: Label, name: &str) -> &mut Self {
        self.names.insert(label.index, name.to_string());
        self
    }

    /// A note about what is emitted next.
    pub fn note(&mut self, a: &mut Asm, note: &str) -> &mut Self {
        self.entry(a, Entry::Note(note.to_string()))
    }

    /// What is emitted next is data.
    pub fn data(&mut self, a: &mut Asm) -> &mut Self {
        self.entry(a, Entry::Data)
    }

    /// What is emitted next is code again.
    pub fn code(&mut self, a: &mut Asm) -> &mut Self {
        self.entry(a, Entry::Code)
    }

    fn entry(&mut self, a: &mut Asm, entry: Entry) -> &mut Self {
        a.mark(FIRST_MARK + self.entries.len() as u32);
        self.entries.push(entry);
        self
    }

    /// The code of the assembler, which must be finished, as it runs at `address`.
    pub fn lines(&self, a: &mut Asm, address: u64) -> Result<Vec<Line>, AsmError> {
        let code = a.finish()?.to_vec();
        let places = self.places(a);
        let names = places.labels.iter().map(|(&at, names)| (address.wrapping_add(at as u64), names[0].clone()));
        let mut formatter = IntelFormatter::with_options(Some(std::boxed::Box::new(Names(names.collect()))), None);
        let (mut lines, mut at, mut is_data) = (Vec::new(), 0, false);
        while at < code.len() {
            is_data = *places.data.get(&at).unwrap_or(&is_data);
            let here = address.wrapping_add(at as u64);
            let (len, text) = match is_data {
                true => data(&code[at..places.next(at, code.len())]),
                false => instruction(&code[at..], here, &mut formatter),
            };
            let labels = places.labels.get(&at).cloned().unwrap_or_default();
            let mut notes = places.notes.get(&at).cloned().unwrap_or_default();
            notes.extend(places.relocations.range(at..at + len).map(|(_, note)| note.clone()));
            lines.push(Line { address: here, bytes: code[at..at + len].to_vec(), text, labels, notes });
            at += len;
        }
        Ok(lines)
    }

    fn places(&self, a: &Asm) -> Places {
        let mut places = Places::default();
        for index in 0..a.label_count {
            if let Some(at) = a.label_pos(Label { index }) {
                places.labels.entry(at).or_default().push(self.label(index));
            }
        }
        for (at, mark) in a.marks().filter(|(_, mark)| *mark >= FIRST_MARK) {
            match self.entries.get((mark - FIRST_MARK) as usize) {
                Some(Entry::Note(note)) => places.notes.entry(at).or_default().push(note.clone()),
                Some(Entry::Data) => _ = places.data.insert(at, true),
                Some(Entry::Code) => _ = places.data.insert(at, false),
                None => {}
            }
        }
        for relocation in a.relocations() {
            let symbol =
                relocation.symbol.map_or("this code".to_string(), |number| self.label(Label::external(number).index));
            let note = format!("{:?}: {symbol} {:+}", relocation.kind, relocation.addend);
            places.relocations.insert(relocation.offset, note);
        }
        places
    }

    fn label(&self, index: u32) -> String {
        let label = Label { index };
        let number = || match label.external_number() {
            Some(number) => format!("external {number}"),
            None => format!("L{index}"),
        };
        self.names.get(&index).cloned().unwrap_or_else(number)
    }
}

impl Places {
    /// Where a line of data that starts at `at` ends at the latest.
    fn next(&self, at: usize, len: usize) -> usize {
        let behind = at + 1..;
        let next = [
            self.labels.range(behind.clone()).next().map(|(&at, _)| at),
            self.notes.range(behind.clone()).next().map(|(&at, _)| at),
            self.data.range(behind).next().map(|(&at, _)| at),
        ];
        next.into_iter().flatten().fold(len.min(at + 8), usize::min)
    }
}

fn data(bytes: &[u8]) -> (usize, String) {
    let bytes_text: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}h")).collect();
    (bytes.len(), format!("db {}", bytes_text.join(",")))
}

fn instruction(code: &[u8], address: u64, formatter: &mut IntelFormatter) -> (usize, String) {
    let instruction = Decoder::with_ip(64, code, address, DecoderOptions::NONE).decode();
    if instruction.is_invalid() {
        return data(&code[..1]);
    }
    let mut text = String::new();
    formatter.format(&instruction, &mut text);
    (instruction.len(), text)
}

/// Names by address.
struct Names(BTreeMap<u64, String>);

impl SymbolResolver for Names {
    fn symbol(
        &mut self,
        _instruction: &Instruction,
        _operand: u32,
        _instruction_operand: Option<u32>,
        address: u64,
        _address_size: u32,
    ) -> Option<SymbolResult<'_>> {
        let name = self.0.get(&address)?;
        Some(SymbolResult::with_str(address, name))
    }
}
