# What every page takes for granted: folders, a key, and a short list.
mkdir -p "$ROOT/srv/www" "$ROOT/etc/rblmap" "$ROOT/var/log" "$ROOT/var/lib/rblmap" \
    "$ROOT/var/lib/node_exporter"
printf '127.0.0.2\n192.0.2.1 :127.0.0.2:Open proxy\n.bad.example\n' > ops.txt

# publish SERIAL: the list goes into /srv/feed, signed by ./ops.key.
publish() {
    [ -e ops.key ] || rblmap keygen -q -o ops
    rblmap build -q --serial "$1" --created "$((1700000000 + $1))" -o ops.rbl ops.example:plain:ops.txt
    rblmap publish -q "$ROOT/srv/feed" ops.rbl --key ops.key
}

# mirror: /var/lib/rblmap follows the feed.
mirror() {
    rblmap mirror -q "$ROOT/srv/feed" "$ROOT/var/lib/rblmap" --key ops.pub
}
