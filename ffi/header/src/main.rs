//! Prints `include/spook.h`: the specification (`top.h`), what cbindgen reads from the crate `spook-ffi`, and the inline functions (`tail.h`).

mod polish;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    match header() {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("spook-header: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn header() -> Result<String, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = here.parent().unwrap_or(here);
    let bindings = cbindgen::generate_with_config(source, config()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    let text = String::from_utf8(bytes).map_err(|error| error.to_string())?;
    // Within the include guard, behind which cbindgen would put a trailer.
    let (inside, guard) = text.rsplit_once("#endif").ok_or("the header has no include guard")?;
    Ok(polish::polished(&format!("{inside}{}\n#endif{guard}", include_str!("../tail.h"))))
}

fn config() -> cbindgen::Config {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        cpp_compat: true,
        header: Some(include_str!("../top.h").trim_end().to_owned()),
        after_includes: Some(versions()),
        include_guard: Some("SPOOK_H".to_owned()),
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h", "string.h"].map(str::to_owned).to_vec(),
        usize_is_size_t: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        line_length: 120,
        ..cbindgen::Config::default()
    };
    config.export.exclude = vec!["spook_test_panic".to_owned()];
    config
}

/// The version of the workspace, which is that of the library built from it.
fn versions() -> String {
    let part = |text: &str| text.parse::<u32>().unwrap_or_default();
    let (major, minor) = (part(env!("CARGO_PKG_VERSION_MAJOR")), part(env!("CARGO_PKG_VERSION_MINOR")));
    let patch = part(env!("CARGO_PKG_VERSION_PATCH"));
    format!(
        "\n/**\n * The version of this header, as text, in parts, and as one number: 1000000 * major + 1000 * minor + patch.\n */\n\
         #define SPOOK_VERSION \"{}\"\n#define SPOOK_VERSION_MAJOR {major}\n#define SPOOK_VERSION_MINOR {minor}\n\
         #define SPOOK_VERSION_PATCH {patch}\n#define SPOOK_VERSION_NUMBER {}\n",
        env!("CARGO_PKG_VERSION"),
        1_000_000 * major + 1_000 * minor + patch
    )
}
