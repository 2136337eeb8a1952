//! What is printed, and kept for a file; and when and on what it was measured.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

/// Markdown that is printed as it comes.
#[derive(Default)]
pub struct Page(String);

impl Page {
    pub fn add(&mut self, text: &str) {
        print!("{text}");
        self.0.push_str(text);
    }

    /// Saves what was printed as `name.md`, and what else was made of the figures, each with its
    /// own ending.
    pub fn save(&self, folder: &Path, name: &str, others: &[(&str, &str)]) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (ending, text) in [("md", &*self.0)].iter().chain(others) {
            fs::write(folder.join(name).with_extension(ending), text)?;
        }
        Ok(())
    }
}

/// The day, the processor and the compiler.
pub struct Circumstances {
    /// As 2026-11-29.
    pub date: String,
    pub processor: String,
    pub compiler: String,
}

impl Circumstances {
    pub fn now() -> Self {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let cores = available_parallelism().map_or(1, usize::from);
        let compiler = said(&["rustc", "--version"]);
        Self {
            date: said(&["date", "-u", "+%F"]),
            processor: format!("{}, {cores} cores", model.map_or("unknown", |(_, name)| name)),
            compiler: compiler.split(" (").next().unwrap_or_default().to_owned(),
        }
    }

    /// The members of a JSON object.
    pub fn json(&self) -> String {
        let Self { date, processor, compiler } = self;
        format!(
            "  \"date\": \"{date}\",\n  \"processor\": \"{processor}\",\n  \
             \"compiler\": \"{compiler}\",\n"
        )
    }
}

/// What a program prints.
fn said(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_default()
}
