//! A shop that says what it has got, in a process of its own.

use std::io::{self, BufRead, BufReader, Lines, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use farewell::handshake::Origins;
use farewell::{Acceptor, Incoming, blocking};

/// The shop itself: it takes its time for each order, and prints it once that is done.
pub(crate) fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let Ok(mut socket) = blocking::accept(stream?, &Acceptor::new(Origins::Any)) else {
            continue;
        };
        while let Incoming::Message(order) = socket.next() {
            thread::sleep(Duration::from_millis(10));
            println!("{}", order.as_text().unwrap_or_default());
            io::stdout().flush()?;
        }
    }
    Ok(())
}

/// The process, as its keeper sees it.
pub(crate) struct Shop {
    process: Child,
    says: Lines<BufReader<ChildStdout>>,
    address: String,
    orders: u32,
}

impl Shop {
    /// Opens one. Returns its URL, too.
    pub(crate) fn open(orders: u32) -> io::Result<(String, Self)> {
        let (process, says, address) = start("127.0.0.1:0")?;
        Ok((format!("ws://{address}/orders"), Self { process, says, address, orders }))
    }

    /// Kills it in the middle of its work, twice, and opens it again. Returns all the orders that it
    /// has done.
    pub(crate) fn killed_twice(mut self) -> io::Result<Vec<u32>> {
        let mut done = Vec::new();
        let mut kills = [self.orders * 2 / 3, self.orders / 3].to_vec();
        loop {
            // What it did before it was killed is in the pipe.
            for line in self.says.by_ref() {
                done.extend(line?.parse::<u32>());
                if done.contains(&self.orders) {
                    self.process.kill()?;
                    self.process.wait()?;
                    return Ok(done);
                }
                if kills.last().is_some_and(|number| done.contains(number)) {
                    kills.pop();
                    println!("  (the shop is killed)");
                    self.process.kill()?;
                }
            }
            self.process.wait()?;
            (self.process, self.says, _) = start(&self.address)?;
        }
    }
}

fn start(address: &str) -> io::Result<(Child, Lines<BufReader<ChildStdout>>, String)> {
    let mut command = Command::new(std::env::current_exe()?);
    let mut process = command.arg(address).stdout(Stdio::piped()).spawn()?;
    let stdout = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let mut says = BufReader::new(stdout).lines();
    let address = says.next().ok_or(io::ErrorKind::UnexpectedEof)??;
    Ok((process, says, address))
}
