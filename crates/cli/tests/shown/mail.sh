printf '127.0.0.2\n192.0.2.0/28 :127.0.0.2:Open proxy\n' > ops.txt
publish 1
mirror
cat > mail.toml <<END
host = "mx.example.net"

[listen]
policy = []
query = ["unix:/run/rblmap/query"]


[[zone]]
name = "ops.example"
from = "$ROOT/var/lib/rblmap"
mode = "reject"
url = "https://ops.example/q#a=%a&z=%z"


[[allow]]
networks = ["192.0.2.3"]
END
