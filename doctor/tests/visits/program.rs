//! Runs the program, for no longer than it should take.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// So that a mistake fails a test, instead of holding it for ever.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program, under way.
pub(crate) struct Doctor {
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    said: String,
}

/// What it said in all.
pub(crate) struct Said {
    pub(crate) status: u8,
    /// Both of its outputs.
    pub(crate) text: String,
    output: String,
}

pub(crate) fn doctor(arguments: &[&str]) -> Doctor {
    let mut child = Command::new(env!("CARGO_BIN_EXE_farewell-doctor"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = lines_of(child.stdout.take().unwrap());
    let errors = lines_of(child.stderr.take().unwrap());
    Doctor { child, lines, errors, said: String::new() }
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let _ = sender.send(line.unwrap() + "\n");
        }
    });
    receiver
}

impl Doctor {
    /// Waits until a line has these words.
    pub(crate) fn wait_for(&mut self, words: &str) {
        while !self.said.lines().any(|line| line.contains(words)) {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.said.push_str(&line),
                Err(error) => panic!("{error}: {}", self.said),
            }
        }
    }

    #[cfg(unix)]
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Said {
        let mut output = std::mem::take(&mut self.said);
        while let Some(line) = self.line() {
            output.push_str(&line);
        }
        let errors: String = self.errors.iter().collect();
        let status = self.child.wait().unwrap().code().unwrap_or(255);
        let text = format!("{output}{errors}");
        Said { status: u8::try_from(status).unwrap(), text, output }
    }

    fn line(&mut self) -> Option<String> {
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let _ = self.child.kill();
                panic!("it did not end")
            }
        }
    }
}

impl Said {
    /// Fails without these sentences, however they are broken into lines.
    pub(crate) fn has(&self, sentences: &[&str]) {
        let folded = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
        for sentence in sentences {
            assert!(folded.contains(sentence), "no \"{sentence}\" in:\n{}", self.text);
        }
    }

    /// What it wrote as documents, one a line and nothing else.
    pub(crate) fn documents(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        self.output.lines().map(parse).collect()
    }
}

/// A place for a page.
pub(crate) struct Page(PathBuf);

pub(crate) fn page(name: &str) -> Page {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    Page(folder.join(format!("{name}.html")))
}

impl Page {
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub(crate) fn read(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap()
    }
}
