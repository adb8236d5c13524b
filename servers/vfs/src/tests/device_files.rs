//! Attributes of the files in `/dev`.

use super::*;
use proto::types::attribute_mask;

fn change(user: &User, path: &str, mask: u64, wanted: Attributes) -> Result<(), Error> {
    let mut bytes = [0; Attributes::SIZE];
    wanted.encode(&mut bytes).unwrap();
    directory::set_attributes(user, 0, mask, path.as_bytes(), &bytes, &[]).map(|_| ())
}

fn user_1000(user: &User) -> User {
    let mut other = user.clone();
    other.identity.credentials.user = 1000;
    other
}

#[test]
fn root_changes_mode_and_owner_of_a_device_and_an_open_one_shows_it() {
    let user = system();
    let session = user.open("/dev/null", 0).unwrap();
    let wanted = Attributes {
        mode: 0o640,
        user: 1000,
        ..Default::default()
    };
    let mask = attribute_mask::MODE | attribute_mask::USER;
    change(&user, "/dev/null", mask, wanted).unwrap();
    let found = user.status("/dev/null").unwrap();
    assert_eq!(
        (found.mode, found.user),
        (file_type::CHARACTER | 0o640, 1000)
    );
    let mut bytes = [0; Attributes::SIZE];
    file::status(&user.through(session), &mut bytes, &[]).unwrap();
    assert_eq!(Attributes::decode(&bytes), Some(found));
    assert!(user_1000(&user).open("/dev/null", 2).is_ok());
}

#[test]
fn others_only_set_the_times_to_now_where_they_may_write() {
    let user = system();
    let other = user_1000(&user);
    let now = attribute_mask::ACCESS_NOW | attribute_mask::MODIFY_NOW;
    assert_eq!(
        change(&other, "/dev/null", now, Attributes::default()),
        Ok(())
    );
    let refused = [
        ("/dev/null", attribute_mask::MODE, Error::NotPermitted),
        ("/dev/null", attribute_mask::USER, Error::NotPermitted),
        ("/dev/null", attribute_mask::MODIFY, Error::NotPermitted),
        ("/dev/console", now, Error::AccessDenied),
        ("/dev/null", attribute_mask::SIZE, Error::BadArgument),
    ];
    for (path, mask, error) in refused {
        let wanted = Attributes {
            user: 7,
            ..Default::default()
        };
        assert_eq!(
            change(&other, path, mask, wanted),
            Err(error),
            "{path} {mask}"
        );
    }
}

#[test]
fn the_next_instance_knows_what_was_changed() {
    let (root, temporary) = (memory_file_system(), memory_file_system());
    let user = system_over(&root, &temporary);
    let wanted = Attributes {
        mode: 0o600,
        ..Default::default()
    };
    change(&user, "/dev/zero", attribute_mask::MODE, wanted).unwrap();
    user.server.borrow_mut().save();
    let server = Server::new(Fake(user.world.clone()), peers(&root, &temporary)).unwrap();
    let next = User {
        server: Rc::new(RefCell::new(server)),
        ..user.clone()
    };
    let found = next.status("/dev/zero").unwrap();
    assert_eq!(found.mode & 0o777, 0o600);
}
