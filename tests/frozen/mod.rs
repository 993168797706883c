//! Digests of output that only a deliberate change may alter: a table in a file, one line for each family of modules.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The table of the output as it is.
pub struct Table {
    columns: Vec<String>,
    rows: BTreeMap<String, Vec<String>>,
}

/// Differences that a message shows; it counts the rest.
const SHOWN: usize = 40;

impl Table {
    pub fn new<'a>(columns: impl Iterator<Item = &'a str>) -> Table {
        Table { columns: columns.map(str::to_owned).collect(), rows: BTreeMap::new() }
    }

    /// Adds a family of modules. The upper half of a digest is enough: one change in four billion goes unseen.
    pub fn push(&mut self, family: String, digests: impl Iterator<Item = u64>) {
        let digests = digests.map(|digest| format!("{:08x}", digest >> 32)).collect();
        assert!(self.rows.insert(family, digests).is_none(), "two families of one name");
    }

    /// Compares with the table in a file, or with `BLESS` in the environment writes that file.
    ///
    /// # Panics
    ///
    /// If they differ: with the families that changed, and in which columns. `command` is what accepts the change.
    pub fn check(&self, file: &Path, command: &str) {
        if std::env::var_os("BLESS").is_some() {
            return fs::write(file, self.text()).expect("a writable file");
        }
        let expected = Table::parse(&fs::read_to_string(file).unwrap_or_default());
        let differences = self.differences(&expected);
        if differences.is_empty() {
            return;
        }
        let shown = differences.iter().take(SHOWN).map(|line| format!("  {line}\n")).collect::<String>();
        let more = differences.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!("  and {more} more\n") } else { String::new() };
        panic!(
            "the compiler's output changed for {} of {} families of modules:\n{shown}{more}\
             If that is meant, `BLESS=1 {command}` accepts it; the commit says why.",
            differences.len(),
            self.rows.len()
        );
    }

    fn differences(&self, expected: &Table) -> Vec<String> {
        if self.columns != expected.columns {
            return vec![format!("all: the columns are {:?}, not {:?}", self.columns, expected.columns)];
        }
        let gone = expected.rows.keys().filter(|family| !self.rows.contains_key(*family));
        let gone = gone.map(|family| format!("{family}: is gone"));
        let changed = self.rows.iter().filter_map(|(family, digests)| {
            let Some(before) = expected.rows.get(family) else { return Some(format!("{family}: is new")) };
            let columns = self.columns.iter().zip(digests.iter().zip(before));
            let columns: Vec<_> =
                columns.filter(|(_, (now, before))| now != before).map(|column| &**column.0).collect();
            match columns.len() {
                0 => None,
                all if all == self.columns.len() => Some(format!("{family}: everything")),
                _ => Some(format!("{family}: {}", columns.join(", "))),
            }
        });
        gone.chain(changed).collect()
    }

    fn text(&self) -> String {
        let width = self.rows.keys().map(String::len).max().unwrap_or(0);
        let mut text = format!("{:width$}", "");
        self.columns.iter().for_each(|column| write!(text, " {column:8}").expect("memory"));
        let mut text = text.trim_end().to_owned();
        for (family, digests) in &self.rows {
            write!(text, "\n{family:width$} {}", digests.join(" ")).expect("memory");
        }
        text + "\n"
    }

    fn parse(text: &str) -> Table {
        let mut lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned));
        let columns = lines.next().map(Iterator::collect).unwrap_or_default();
        let rows = lines.filter_map(|mut words| Some((words.next()?, words.collect()))).collect();
        Table { columns, rows }
    }
}
