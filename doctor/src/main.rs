//! Shows how WebSocket connections end, and finds out how one of yours does.
//!
//! Without arguments it makes connections on this machine end in every way there is and prints what
//! the library says of each; it fails where that is not what happened. With a `ws://` URL it
//! connects there and reports the end of that connection, or probes how long it may be silent.

mod args;
mod between_ours;
mod drawing;
mod endings;
mod handshakes;
mod page;
mod probe;
mod probed;
mod raw;
mod recorded;
mod report;
mod rude_peers;
mod selftest;
mod stage;
mod tape;
mod visit;
mod words;

use std::process::ExitCode;

use args::Task;

const HELP: &str = "\
Shows how WebSocket connections end.

usage: doctor [--only NUMBER] [--timeline FILE]
                           make connections end in every way, print the reports
       doctor [OPTIONS] ws://HOST[:PORT][/PATH]
                           connect, stay until the end or Ctrl-C, print the report
       doctor --probe-idle [OPTIONS] ws://HOST[:PORT][/PATH]
                           find out after what silence the server, or a proxy before it, hangs up,
                           and which heartbeat keeps a connection alive

options:
  --timeline FILE          write a page of HTML that draws the life of each connection
  --only NUMBER            make only this one of the endings
  --for SECONDS            leave after that time (a visit: stay until the end; --probe-idle: 150)
  --heartbeat SECONDS      send a Ping after that much silence, and give the server up when nothing
                           comes for as long again; 0 sends none and waits for ever (default: 10)
  --header 'NAME: VALUE'   add a header field to the request; may be repeated
  --subprotocol NAME       ask for a subprotocol; may be repeated
  --origin ORIGIN          claim to be a web page from there, such as https://example.com
  --help, -h               print this

exit status
  without a URL: 0 every report is as expected, 1 some are not
  with one:      0 the connection ended cleanly, 1 it did not, 2 there was none
  --probe-idle:  0 there is an answer, 1 no heartbeat kept a connection alive, 2 there was none
  always:        2 the arguments make no sense, or a file cannot be written

A clean end is one where both ends sent a Close frame. A close code of 1006 was sent by nobody: it
stands for \"no Close frame came\", and the report tells what came instead.";

fn main() -> ExitCode {
    match args::parse(std::env::args().skip(1)) {
        Ok(Task::Help) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Task::SelfTest(options)) => selftest::run(options),
        Ok(Task::Visit(options)) => visit::run(*options),
        Ok(Task::Probe(options)) => probe::run(&options),
        Err(error) => {
            eprintln!("doctor: {error}\ntry --help");
            ExitCode::from(2)
        }
    }
}
