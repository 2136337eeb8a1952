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
mod page;
mod probe;
mod report;
mod wire;
mod work;
mod workloads;

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{env, io};

use measure::Rounds;
use page::{Circumstances, Page};

const USAGE: &str = "usage: farewell-peers [--loopback] [--rounds N] [--minutes M] [--only WORDS-OF-A-WORKLOAD] \
                     [--who PART-OF-A-NAME] [--save FOLDER] [--list]";

/// What the command line asks for.
struct Args {
    loopback: bool,
    rounds: Rounds,
    /// After this, there are no more rounds over loopback.
    minutes: f64,
    only: Vec<String>,
    who: Vec<String>,
    save: Option<PathBuf>,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    if let [serve, name, depth] = &words[..]
        && serve == "--serve"
    {
        return told(loopback::serve(name, depth.parse().unwrap_or(1)));
    }
    let Some(args) = parse() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    without_chance();
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
    let circumstances = Circumstances::now();
    let mut page = Page::default();
    page.add(&loopback::preface(&circumstances));
    let rounds = loopback::Rounds { count: args.rounds.count, minutes: args.minutes };
    let results = loopback::run(rounds, &args.who, &mut page)?;
    let Some(folder) = &args.save else { return Ok(()) };
    let json = loopback::json(&circumstances, &results);
    page.save(folder, "loopback", &[("json", &json), ("svg", &loopback::draw(&results))])
}

fn in_memory(args: &Args) -> io::Result<()> {
    let circumstances = Circumstances::now();
    let mut page = Page::default();
    page.add(&report::preface(&circumstances));
    let mut results = Vec::new();
    for workload in workloads::all() {
        if !args.only.is_empty() && !args.only.iter().any(|word| workload.name.contains(&**word)) {
            continue;
        }
        let figures = measure::measure(&workload.work, args.rounds, &args.who);
        page.add(&report::table(&workload, &figures));
        results.push((workload, figures));
    }
    let Some(folder) = &args.save else { return Ok(()) };
    let json = report::json(&circumstances, args.rounds.count, &results);
    page.save(folder, "memory", &[("json", &json), ("svg", &report::draw(&results))])
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
    let mut args = Args {
        loopback: false,
        rounds,
        minutes: f64::MAX,
        only: Vec::new(),
        who: Vec::new(),
        save: None,
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        match &*word {
            "--rounds" => args.rounds.count = words.next()?.parse().ok().filter(|n| *n > 0)?,
            "--minutes" => args.minutes = words.next()?.parse().ok()?,
            "--loopback" => args.loopback = true,
            "--only" => args.only.push(words.next()?),
            "--who" => args.who.push(words.next()?),
            "--save" => args.save = Some(words.next()?.into()),
            "--list" => {
                workloads::all().iter().for_each(|workload| println!("{}", workload.name));
                std::process::exit(0);
            }
            _ => return None,
        }
    }
    Some(args)
}
