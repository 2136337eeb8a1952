//! Prints what the library offers, an item a line, out of rustdoc's JSON.
//!
//! Said once is: a method of a trait that is not ours (that it is implemented says all), and what a second
//! path to the same type would say again.

use std::collections::HashSet;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args().nth(1).ok_or("which JSON?")?;
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    let mut said = HashSet::new();
    let mut is_foreign = false;
    for item in api.items() {
        let line = item.to_string();
        if line.starts_with("impl") {
            is_foreign = is_of_a_foreign_trait(&line);
            // What deriving `PartialEq` brings.
            if line.contains(" core::marker::StructuralPartialEq for ") {
                continue;
            }
        } else if !line.starts_with("pub ") || !line.contains("fn ") {
            is_foreign &= line.starts_with("pub type");
        } else if is_foreign {
            continue;
        }
        if said.insert(line.clone()) {
            println!("{line}");
        }
    }
    Ok(())
}

/// `impl<generics> Trait for Type`.
fn is_of_a_foreign_trait(line: &str) -> bool {
    let mut depth = 0_u32;
    let after_generics = line["impl".len()..].find(|symbol| {
        match symbol {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        symbol == ' ' && depth == 0
    });
    let name = after_generics.map_or("", |at| line["impl".len() + at..].trim_start());
    name.contains(" for ") && !name.starts_with("farewell::")
}
