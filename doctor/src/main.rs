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
mod hints;
mod interrupts;
mod json;
mod meant;
mod over_tls;
mod page;
mod probe;
mod probed;
mod raw;
mod recorded;
mod report;
mod rude_peers;
mod self_test;
mod stage;
mod status;
mod tape;
mod visit;
mod words;

use std::process::ExitCode;

use args::Task;
use status::Status;

const HELP: &str = "\
Shows how WebSocket connections end, and finds out how one of yours does.

usage: farewell-doctor [--only NUMBER] [--timeline FILE]
                           make connections end in every way, print the reports
       farewell-doctor [OPTIONS] wss://HOST[:PORT][/PATH]
                           connect, stay until the end or Ctrl-C, print the report
       farewell-doctor --probe-idle [OPTIONS] wss://HOST[:PORT][/PATH]
                           find out after what silence the server, or a proxy before it, hangs up,
                           and which heartbeat keeps a connection alive

options:
  --timeline FILE          write a page of HTML that draws the life of each connection
  --only NUMBER            make only this one of the endings
  --for SECONDS            leave after that time (a visit: stay until the end; --probe-idle: 150)
  --heartbeat SECONDS      send a Ping after that much silence, and give the server up when nothing
                           comes for as long again; 0 sends none and waits for ever (default: 10)
  --repeat NUMBER          make so many visits, one after the other, and judge each in view of those
                           before it: an age or a silence that repeats gives a timeout away
  --json                   print one JSON document a visit, on one line, and no text
  --proxy URL              go through this proxy: http://[USER:PASSWORD@]HOST[:PORT], https://...
                           or socks5://...
  --ca FILE                trust this authority as well: certificates as PEM text; may be repeated
  --insecure               DANGEROUS: take every certificate, whoever has issued it and for whom
  --header 'NAME: VALUE'   add a header field to the request; may be repeated
  --subprotocol NAME       ask for a subprotocol; may be repeated
  --origin ORIGIN          claim to be a web page from there, such as https://example.com
  --help, -h               print this

User and password in a URL are sent to the server as Basic credentials, and shown nowhere.
SIGTERM and SIGHUP do what Ctrl-C does: close the connection, and report.

exit status of a visit; of several, that of the first which is not 0
  0  clean: both ends sent a Close
  1  the connection was lost: it ended without that
  2  the arguments make no sense, or a file cannot be written
  3  no way to the server was found: its name, its addresses, the proxy; or it was interrupted
  4  the opening handshake came to nothing: refused, not understood, cut off, not in time
  5  this end failed the connection, since the server broke a rule or a limit
  6  there was no TLS with the server: its certificate, what it speaks, cut off, not in time
without a URL: 0 every report is as expected, 1 some are not
--probe-idle:  0 there is an answer, 1 no heartbeat kept a connection alive, 3, 4 and 6 as above

A clean end is one where both ends sent a Close frame. A close code of 1006 was sent by nobody: it
stands for \"no Close frame came\", and the report tells what came instead.";

const INSECURE: &str = "\
WARNING: --insecure: nobody checks whom this connection is with. Whoever is on the way can read and
WARNING: change all of it, user and password included. For a certificate of your own, use --ca.";

fn main() -> ExitCode {
    let task = args::parse(std::env::args().skip(1));
    if let Ok(Task::Visit(options) | Task::Probe(options)) = &task {
        if options.insecure {
            eprintln!("{INSECURE}\n");
        }
    }
    match task {
        Ok(Task::Help) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok(Task::SelfTest(options)) => self_test::run(options),
        Ok(Task::Visit(options)) => visit::run(*options),
        Ok(Task::Probe(options)) => probe::run(&options),
        Err(error) => {
            eprintln!("farewell-doctor: {error}\ntry --help");
            Status::Usage.into()
        }
    }
}
