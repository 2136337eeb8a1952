//! What is measured, in the order in which it is printed.

use farewell::Role;

use crate::wire::{Content, Reading};
use crate::work::{Work, Writing};

pub struct Workload {
    pub name: String,
    pub work: Work,
}

const SIZES: [usize; 7] = [8, 16, 125, 1 << 10, 16 << 10, 64 << 10, 1 << 20];

pub fn all() -> Vec<Workload> {
    let mut all = Vec::new();
    reads(&mut all);
    writes(&mut all);
    let mut add = |name: &str, work| all.push(Workload { name: name.into(), work });
    add("accept a handshake", Work::Accept);
    add("connect", Work::Connect);
    all
}

fn reads(all: &mut Vec<Workload>) {
    let mut add = |name: String, reading| all.push(Workload { name, work: Work::Read(reading) });
    for size in SIZES {
        let reading = Reading::new(Content::Binary, size);
        add(format!("read {}, binary, pipelined", name(size)), reading);
    }
    for size in [16, 125, 1 << 10] {
        let reading = Reading { one_per_read: true, ..Reading::new(Content::Binary, size) };
        add(format!("read {}, binary, one per read", name(size)), reading);
    }
    for (content, word) in [(Content::Ascii, "ASCII"), (Content::Mixed, "mixed UTF-8")] {
        for size in [125, 1 << 10, 64 << 10] {
            add(format!("read {}, {word}, pipelined", name(size)), Reading::new(content, size));
        }
    }
    let contents =
        [(Content::Binary, "binary"), (Content::Ascii, "ASCII"), (Content::Mixed, "mixed UTF-8")];
    for (content, word) in contents {
        let reading = Reading { fragment: Some(1 << 10), ..Reading::new(content, 1 << 20) };
        add(format!("read 1 MiB in fragments of 1 KiB, {word}"), reading);
    }
}

fn writes(all: &mut Vec<Workload>) {
    let mut add = |name: String, writing| all.push(Workload { name, work: Work::Write(writing) });
    for size in SIZES {
        add(format!("write {}, server", name(size)), Writing::new(Role::Server, size));
    }
    let batch = Writing { per_flush: 64, ..Writing::new(Role::Server, 16) };
    add("write 16 B x 64 per flush, server".into(), batch);
    for size in [16, 1 << 10, 64 << 10] {
        add(format!("write {}, client", name(size)), Writing::new(Role::Client, size));
    }
    let broadcast = Writing { sockets: 1000, ..Writing::new(Role::Server, 16) };
    add("write 16 B to each of 1,000 connections".into(), broadcast);
}

fn name(size: usize) -> String {
    match size {
        0..1024 => format!("{size} B"),
        1024..1_048_576 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}
