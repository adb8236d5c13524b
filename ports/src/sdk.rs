//! The SDK: a folder with the sysroot, compiler wrappers, and files for CMake, Meson and Cargo.
//!
//! ```text
//! sdk/bin/x86_64-microkosm-linux-musl-{cc,gcc,clang,ar,ld,nm,...}   wrappers over stock clang and LLVM tools
//! sdk/sysroot/usr/{include,lib}                                      headers, libc.a, start files
//! sdk/lib/clang/                                                     clang's resource folder with our builtins
//! sdk/share/{cmake/microkosm.cmake,meson/microkosm.ini}              for those build systems
//! sdk/share/rust/x86_64-microkosm-linux-musl.json                    Cargo's target
//! ```

use crate::command::output_of;
use crate::digest::{self, KeyBuilder};
use crate::{Error, Result, TARGET};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's name for the version of clang and LLVM that the SDK wraps.
const LLVM_VERSION: &str = "19";

/// Libraries that musl's users may name on a link line and that are all part of `libc.a`.
const EMPTY_LIBRARIES: [&str; 8] = [
    "m", "pthread", "rt", "dl", "util", "crypt", "resolv", "xnet",
];

/// Our tool's suffix → the LLVM tool behind it. LLVM's tools look at their own name to decide what
/// to be, so a symbolic link is enough.
const LLVM_TOOLS: [(&str, &str); 10] = [
    ("ar", "llvm-ar"),
    ("ranlib", "llvm-ranlib"),
    ("nm", "llvm-nm"),
    ("strip", "llvm-strip"),
    ("objcopy", "llvm-objcopy"),
    ("objdump", "llvm-objdump"),
    ("readelf", "llvm-readelf"),
    ("size", "llvm-size"),
    ("strings", "llvm-strings"),
    ("ld", "ld.lld"),
];

/// A built libc, as the SDK takes it in.
pub struct Libc {
    /// Folder of headers.
    pub include: PathBuf,
    /// Folder with `libc.a`, `crt1.o`, `crti.o`, `crtn.o`, and `rcrt1.o` if position-independent
    /// programs are supported.
    pub libraries: PathBuf,
    /// The target's description for rustc.
    pub rust_target: PathBuf,
}

/// An SDK on disk.
pub struct Sdk {
    root: PathBuf,
    identity: String,
    interface: String,
}

impl Sdk {
    /// Makes the SDK in `root` from a built libc, or takes the one that is there if it was made from
    /// the same. Not to be called by two at once.
    pub fn install(root: &Path, libc: &Libc) -> Result<Sdk> {
        let inputs = inputs_of(libc)?;
        let stamp = root.join("inputs");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == inputs) {
            return Sdk::open(root);
        }
        if root.exists() {
            fs::remove_dir_all(root).map_err(Error::file("remove", root))?;
        }
        install_sysroot(&root.join("sysroot/usr"), libc)?;
        install_resource_folder(&root.join("lib/clang"))?;
        install_tools(&root.join("bin"))?;
        install_build_system_files(&root.join("share"), libc)?;
        fs::write(&stamp, inputs).map_err(Error::file("write", &stamp))?;
        Sdk::open(root)
    }

    /// Opens an SDK that is there.
    pub fn open(root: &Path) -> Result<Sdk> {
        let root = root.canonicalize().map_err(Error::file("find", root))?;
        let compiler = output_of(Command::new(format!("clang-{LLVM_VERSION}")).arg("--version"))?;
        let libraries = root.join("sysroot/usr/lib");
        let mut interface = KeyBuilder::new();
        interface.add("compiler", compiler.as_bytes());
        interface.add(
            "headers",
            digest::of_tree(&root.join("sysroot/usr/include"))?.as_bytes(),
        );
        interface.add("tools", digest::of_tree(&root.join("bin"))?.as_bytes());
        interface.add(
            "build systems",
            digest::of_tree(&root.join("share"))?.as_bytes(),
        );
        interface.add("symbols", symbols_of(&libraries.join("libc.a"))?.as_bytes());
        let interface = interface.finish();
        let mut identity = KeyBuilder::new();
        identity.add("interface", interface.as_bytes());
        identity.add("libraries", digest::of_tree(&libraries)?.as_bytes());
        Ok(Sdk {
            root,
            identity: identity.finish(),
            interface,
        })
    }

    /// The SDK's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of wrappers.
    pub fn tools(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// A key for all of the SDK: what is linked with it changes when this does.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// A key for what compiling and configuring can see: the headers and the names of libc's
    /// symbols, not their code. While it stays the same, programs need only be linked again.
    pub fn interface(&self) -> &str {
        &self.interface
    }
}

/// A key for everything that an SDK is made from.
fn inputs_of(libc: &Libc) -> Result<String> {
    let mut key = KeyBuilder::new();
    key.add("headers", digest::of_tree(&libc.include)?.as_bytes());
    key.add("libraries", digest::of_tree(&libc.libraries)?.as_bytes());
    key.add(
        "rust target",
        digest::of_file(&libc.rust_target)?.as_bytes(),
    );
    for text in [
        compiler_wrapper(),
        rustc_wrapper(),
        cmake_toolchain(),
        meson_cross_file(),
    ] {
        key.add("tool", text.as_bytes());
    }
    Ok(key.finish())
}

/// The names of the symbols that an archive defines, sorted.
fn symbols_of(archive: &Path) -> Result<String> {
    let mut command = Command::new(format!("llvm-nm-{LLVM_VERSION}"));
    command
        .args([
            "--extern-only",
            "--defined-only",
            "--format=just-symbols",
            "--quiet",
        ])
        .arg(archive);
    let text = output_of(&mut command)?;
    let mut names: Vec<&str> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with(':'))
        .collect();
    names.sort_unstable();
    names.dedup();
    Ok(names.join("\n"))
}

fn install_sysroot(usr: &Path, libc: &Libc) -> Result<()> {
    copy_tree(&libc.include, &usr.join("include"))?;
    let lib = usr.join("lib");
    fs::create_dir_all(&lib).map_err(Error::file("create", &lib))?;
    for name in ["libc.a", "crt1.o", "crti.o", "crtn.o", "rcrt1.o", "Scrt1.o"] {
        let from = libc.libraries.join(name);
        if from.exists() {
            fs::copy(&from, lib.join(name)).map_err(Error::file("copy", &from))?;
        } else if !matches!(name, "rcrt1.o" | "Scrt1.o") {
            return Err(Error::Sdk(format!("the libc has no {}", from.display())));
        }
    }
    for name in EMPTY_LIBRARIES {
        let path = lib.join(format!("lib{name}.a"));
        fs::write(&path, "!<arch>\n").map_err(Error::file("write", &path))?;
    }
    Ok(())
}

/// clang looks for the compiler's helper functions in its resource folder under the target's name,
/// so the SDK has a resource folder of its own around clang's headers.
fn install_resource_folder(folder: &Path) -> Result<()> {
    let clang = PathBuf::from(format!(
        "/usr/lib/llvm-{LLVM_VERSION}/lib/clang/{LLVM_VERSION}"
    ));
    let lib = folder.join("lib").join(TARGET);
    fs::create_dir_all(&lib).map_err(Error::file("create", &lib))?;
    link(&clang.join("include"), &folder.join("include"))?;
    for (ours, theirs) in [
        ("libclang_rt.builtins.a", "libclang_rt.builtins-x86_64.a"),
        ("clang_rt.crtbegin.o", "clang_rt.crtbegin-x86_64.o"),
        ("clang_rt.crtend.o", "clang_rt.crtend-x86_64.o"),
    ] {
        let from = clang.join("lib/linux").join(theirs);
        if !from.exists() {
            return Err(Error::Sdk(format!(
                "{} is missing (package libclang-rt-{LLVM_VERSION}-dev)",
                from.display()
            )));
        }
        link(&from, &lib.join(ours))?;
    }
    Ok(())
}

fn install_tools(bin: &Path) -> Result<()> {
    fs::create_dir_all(bin).map_err(Error::file("create", bin))?;
    write_executable(&bin.join(format!("{TARGET}-cc")), &compiler_wrapper())?;
    for name in ["gcc", "clang"] {
        link(
            Path::new(&format!("{TARGET}-cc")),
            &bin.join(format!("{TARGET}-{name}")),
        )?;
    }
    for (name, tool) in LLVM_TOOLS {
        link(
            Path::new(&format!("/usr/bin/{tool}-{LLVM_VERSION}")),
            &bin.join(format!("{TARGET}-{name}")),
        )?;
    }
    write_executable(&bin.join(format!("{TARGET}-rustc")), &rustc_wrapper())
}

/// The C compiler: stock clang told where everything is. Every program is static: there is no
/// dynamic linker.
fn compiler_wrapper() -> String {
    format!(
        r#"#!/bin/sh
# The C compiler for MicroKosm programs: stock clang with this SDK's sysroot.
sdk="${{0%/*}}/.."
# libc.a is one object, so what a program does not use is dropped by section. A partial link
# keeps everything.
collect=-Wl,--gc-sections
for argument; do
    case "$argument" in -r | -Wl,-r | -Wl,--relocatable) collect= ;; esac
done
exec clang-{LLVM_VERSION} --no-default-config --target={TARGET} --sysroot="$sdk/sysroot" \
    -resource-dir="$sdk/lib/clang" -rtlib=compiler-rt --unwindlib=none -fuse-ld=lld -static \
    -D__microkosm__=1 -Wno-unused-command-line-argument $collect "$@"
"#
    )
}

/// rustc refuses targets that are described by a file unless it is told that unstable options are
/// welcome.
fn rustc_wrapper() -> String {
    "#!/bin/sh\n\
     # rustc with targets that are described by a file.\n\
     export RUSTC_BOOTSTRAP=1\n\
     exec rustc -Zunstable-options \"$@\"\n"
        .to_string()
}

fn install_build_system_files(share: &Path, libc: &Libc) -> Result<()> {
    for folder in ["cmake", "meson", "rust"] {
        let path = share.join(folder);
        fs::create_dir_all(&path).map_err(Error::file("create", &path))?;
    }
    let cmake = share.join("cmake/microkosm.cmake");
    fs::write(&cmake, cmake_toolchain()).map_err(Error::file("write", &cmake))?;
    let meson = share.join("meson/microkosm.ini");
    fs::write(&meson, meson_cross_file()).map_err(Error::file("write", &meson))?;
    let target = share.join(format!("rust/{TARGET}.json"));
    fs::copy(&libc.rust_target, &target).map_err(Error::file("copy", &libc.rust_target))?;
    Ok(())
}

fn cmake_toolchain() -> String {
    format!(
        "# CMake toolchain file for MicroKosm: cmake -DCMAKE_TOOLCHAIN_FILE=this\n\
         get_filename_component(sdk \"${{CMAKE_CURRENT_LIST_DIR}}/../..\" ABSOLUTE)\n\
         set(CMAKE_SYSTEM_NAME Linux)\n\
         set(CMAKE_SYSTEM_PROCESSOR x86_64)\n\
         set(CMAKE_C_COMPILER ${{sdk}}/bin/{TARGET}-cc)\n\
         set(CMAKE_AR ${{sdk}}/bin/{TARGET}-ar)\n\
         set(CMAKE_RANLIB ${{sdk}}/bin/{TARGET}-ranlib)\n\
         set(CMAKE_SYSROOT ${{sdk}}/sysroot)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)\n\
         set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)\n\
         set(BUILD_SHARED_LIBS OFF)\n"
    )
}

fn meson_cross_file() -> String {
    format!(
        "# Meson cross file for MicroKosm: meson setup --cross-file this\n\
         [binaries]\nc = '{TARGET}-cc'\nar = '{TARGET}-ar'\nranlib = '{TARGET}-ranlib'\nstrip = '{TARGET}-strip'\n\
         pkg-config = 'pkg-config'\n\n\
         [built-in options]\ndefault_library = 'static'\n\n\
         [host_machine]\nsystem = 'linux'\ncpu_family = 'x86_64'\ncpu = 'x86_64'\nendian = 'little'\n"
    )
}

/// Copies a folder with its symbolic links and modes.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(Error::file("create", to))?;
    for entry in fs::read_dir(from).map_err(Error::file("list", from))? {
        let source = entry.map_err(Error::file("list", from))?.path();
        let Some(name) = source.file_name() else {
            continue;
        };
        let target = to.join(name);
        let kind = source
            .symlink_metadata()
            .map_err(Error::file("examine", &source))?
            .file_type();
        if kind.is_symlink() {
            link(
                &source.read_link().map_err(Error::file("read", &source))?,
                &target,
            )?;
        } else if kind.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(Error::file("copy", &source))?;
        }
    }
    Ok(())
}

fn link(target: &Path, path: &Path) -> Result<()> {
    symlink(target, path).map_err(Error::file("create", path))
}

fn write_executable(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(Error::file("write", path))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(Error::file("change", path))
}
