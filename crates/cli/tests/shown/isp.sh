publish 1
mirror
printf '[[zone]]\nname = "ops.example"\nfrom = "%s/var/lib/rblmap"\n' "$ROOT" > "$ROOT/etc/rblmap/mail.toml"
