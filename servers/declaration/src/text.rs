//! The form that people write.

use crate::{DeclarationError, System};

impl System {
    /// Parses TOML and validates. The error names line and field.
    pub fn parse(text: &str) -> Result<System, DeclarationError> {
        let system: System =
            toml::from_str(text).map_err(|error| DeclarationError::Text(error.to_string()))?;
        system.validate()?;
        Ok(system)
    }
}

#[cfg(test)]
mod tests {
    use crate::{DeclarationError, System};

    const GOOD: &str = r#"
        [[server]]
        name = "devices"
        resource = true
        essential = true
        processes = true
        keeper = true

        [[server]]
        name = "virtio-blk"
        priority = 10
        [[server.session]]
        name = "hardware"
        server = "devices"
        badge = 0x1af41042

        [[server]]
        name = "serial"
        arguments = ["baud=115200"]
        ports = [{ name = "registers", base = 0x3f8, count = 8 }]
        interrupt = [{ name = "line", line = 4 }]
    "#;

    #[test]
    fn a_declaration_survives_the_compact_form() {
        let system = System::parse(GOOD).unwrap();
        let mut bytes = system.encode();
        bytes.resize(bytes.len().next_multiple_of(4096), 0);
        assert_eq!(System::decode(&bytes).unwrap(), system);
        assert_eq!(system.find("serial").unwrap().ports[0].base, 0x3f8);
    }

    #[test]
    fn the_declaration_of_the_image_is_sound() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rootfs/etc/system.toml");
        System::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    }

    #[test]
    fn a_cut_or_altered_compact_form_is_refused_or_still_sound() {
        let bytes = System::parse(GOOD).unwrap().encode();
        for length in 0..bytes.len() {
            assert!(System::decode(&bytes[..length]).is_err(), "{length}");
        }
        for at in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[at] ^= 0x81;
            if let Ok(system) = System::decode(&broken) {
                system.validate().unwrap();
            }
        }
    }

    #[test]
    fn every_kind_of_mistake_is_named() {
        let parse = |text: &str| System::parse(text).unwrap_err();
        assert!(matches!(
            parse("[[server]]\nnme = \"x\""),
            DeclarationError::Text(_)
        ));
        assert!(matches!(
            parse("[[server]]\nname = \"a b\""),
            DeclarationError::BadName(_)
        ));
        let twice = "[[server]]\nname = \"a\"\n[[server]]\nname = \"a\"";
        assert_eq!(parse(twice), DeclarationError::TwoServers("a".into()));
        let peer = "[[server]]\nname=\"a\"\n[[server.session]]\nname=\"b\"\nserver=\"c\"\nbadge=1";
        assert_eq!(
            parse(peer),
            DeclarationError::UnknownPeer("a".into(), "c".into())
        );
        let session = "[[server.session]]\nserver=\"a\"\nbadge=1\nname=";
        let badge = format!("[[server]]\nname=\"a\"\n{session}\"x\"\n{session}\"y\"");
        assert_eq!(parse(&badge), DeclarationError::SameBadge("a".into(), 1));
        let handles = badge
            .replacen("badge=1", "badge=2", 1)
            .replace("\"y\"", "\"x\"");
        assert_eq!(
            parse(&handles),
            DeclarationError::TwoHandles("a".into(), "x".into())
        );
    }
}
