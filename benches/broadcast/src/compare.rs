//! The ways in turns, so that what the machine does meanwhile happens to all of them.

use std::process::Command;

use crate::Result;

const WAYS: [&str; 3] = ["farewell", "tungstenite", "axum"];

pub(crate) fn compare(count: &str, rounds: &str, pairs: usize) -> Result<()> {
    let mut runs: Vec<[(f64, f64); 3]> = Vec::new();
    for pair in 0..pairs {
        let mut results = [(0.0, 0.0); 3];
        for turn in 0..WAYS.len() {
            // Nobody is always the first.
            let way = (turn + pair) % WAYS.len();
            results[way] = run(WAYS[way], count, rounds)?;
        }
        runs.push(results);
    }
    println!("{count} receivers, {rounds} rounds, {pairs} times each; medians:");
    for (index, way) in WAYS.iter().enumerate() {
        let cpu = spread(runs.iter().map(|results| results[index].0));
        let ratio = spread(runs.iter().map(|results| results[index].0 / results[0].0));
        let all = spread(runs.iter().map(|results| results[index].1 / 1000.0));
        println!(
            "{way}: {:.0} ns of CPU time for each delivery ({:.0} to {:.0}), {:.2} of farewell's \
             ({:.2} to {:.2}); all have it after {:.1} ms ({:.1} to {:.1})",
            cpu[1], cpu[0], cpu[2], ratio[1], ratio[0], ratio[2], all[1], all[0], all[2],
        );
    }
    Ok(())
}

fn run(way: &str, count: &str, rounds: &str) -> Result<(f64, f64)> {
    let output = Command::new(std::env::current_exe()?).args([way, count, rounds]).output()?;
    let said = String::from_utf8(output.stdout)?;
    let (cpu, all) = said
        .trim()
        .split_once(' ')
        .ok_or_else(|| format!("{way}: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((cpu.parse()?, all.parse()?))
}

/// The least, the median and the greatest.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
