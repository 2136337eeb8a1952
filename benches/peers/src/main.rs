//! Compares farewell with other libraries for WebSockets in Rust, and with what is possible.
//!
//! Everybody does the same work on the same bytes, in turn, in memory; the processor's time of the
//! thread is what counts. What everybody read and wrote is looked at byte by byte before it is timed,
//! and its size at every time.

mod chart;
mod contender;
mod contenders;
mod keys;
mod loopback;
mod measure;
mod opening;
mod over_hyper;
mod report;
mod wire;
mod work;
mod workloads;

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use measure::Rounds;

const USAGE: &str = "usage: farewell-peers [--loopback] [--rounds N] [--only WORDS-OF-A-WORKLOAD] \
                     [--who PART-OF-A-NAME] [--json FILE] [--svg FILE] [--list]";

/// What the command line asks for.
struct Args {
    loopback: bool,
    rounds: Rounds,
    only: Vec<String>,
    who: Vec<String>,
    json: Option<String>,
    svg: Option<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [serve, name, depth] = &words[..] {
        if serve == "--serve" {
            return told(loopback::serve(name, depth.parse().unwrap_or(1)));
        }
    }
    let Some(args) = parse() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    without_chance();
    report::print_preface();
    told(if args.loopback { over_sockets(&args) } else { in_memory(&args) })
}

fn told(result: io::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn over_sockets(args: &Args) -> io::Result<()> {
    let json = loopback::run(args.rounds.count, &args.who)?;
    args.json.as_ref().map_or(Ok(()), |file| fs::write(file, json))
}

fn in_memory(args: &Args) -> io::Result<()> {
    let mut results = Vec::new();
    for workload in workloads::all() {
        if !args.only.is_empty() && !args.only.iter().any(|word| workload.name.contains(&**word)) {
            continue;
        }
        let figures = measure::measure(&workload.work, args.rounds, &args.who);
        report::print_table(&workload, &figures);
        results.push((workload, figures));
    }
    if let Some(file) = &args.json {
        fs::write(file, report::json(&results))?;
    }
    args.svg.as_ref().map_or(Ok(()), |file| fs::write(file, chart::draw(&results)))
}

/// Begins again with a C library that copies much as it copies little. By default it has an
/// instruction for that, which on some processors takes several times as long for some distances of
/// source and target: whom it meets would be chance.
fn without_chance() {
    const NAME: &str = "GLIBC_TUNABLES";
    if env::var_os(NAME).is_none() {
        let limits = "glibc.cpu.x86_rep_movsb_threshold=0x40000000";
        let program = env::current_exe().expect("the program has a path");
        let error = Command::new(program).args(env::args_os().skip(1)).env(NAME, limits).exec();
        panic!("it does not begin again: {error}");
    }
}

fn parse() -> Option<Args> {
    let rounds = Rounds { count: 15, nanoseconds: 4e6 };
    let mut args =
        Args { loopback: false, rounds, only: Vec::new(), who: Vec::new(), json: None, svg: None };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match &*word {
            "--rounds" => args.rounds.count = words.next()?.parse().ok().filter(|n| *n > 0)?,
            "--loopback" => args.loopback = true,
            "--only" => args.only.push(words.next()?),
            "--who" => args.who.push(words.next()?),
            "--json" => args.json = Some(words.next()?),
            "--svg" => args.svg = Some(words.next()?),
            "--list" => {
                workloads::all().iter().for_each(|workload| println!("{}", workload.name));
                std::process::exit(0);
            }
            _ => return None,
        }
    }
    Some(args)
}
