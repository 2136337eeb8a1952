//! Shows how WebSocket connections end, and finds out how one of yours does.
//!
//! Without arguments it makes connections on this machine end in every way there is and prints what
//! the library says of each; it fails where that is not what happened. With a `ws://` URL it
//! connects there and reports the end of that connection.

mod args;
mod between_ours;
mod endings;
mod handshakes;
mod raw;
mod report;
mod rude_peers;
mod selftest;
mod stage;
mod visit;
mod words;

use std::process::ExitCode;

use args::Task;

const HELP: &str = "\
Shows how WebSocket connections end.

usage: doctor                       make connections end in every way, print the reports
       doctor [OPTIONS] ws://HOST[:PORT][/PATH]
                                    connect, stay until the end or Ctrl-C, print the report

options:
  --heartbeat SECONDS    send a Ping after that much silence, and give the server up when nothing
                         comes for as long again; 0 sends none and waits for ever (default: 10)
  --header 'NAME: VALUE' add a header field to the request; may be repeated
  --subprotocol NAME     ask for a subprotocol; may be repeated
  --origin ORIGIN        claim to be a web page from there, such as https://example.com
  --help                 print this

exit status, with a URL: 0 the connection ended cleanly, 1 it did not, 2 there was none
            without one: 0 every report is as expected, 1 some are not

A clean end is one where both ends sent a Close frame. A close code of 1006 was sent by nobody: it
stands for \"no Close frame came\", and the report tells what came instead.";

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Task::Help) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Task::SelfTest) => selftest::run(),
        Ok(Task::Visit(options)) => visit::run(&options),
        Err(error) => {
            eprintln!("doctor: {error}\ntry --help");
            ExitCode::from(2)
        }
    }
}
