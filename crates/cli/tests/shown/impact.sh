rblmap build -q -o ops.example.rbl ops.example:plain:ops.txt
printf '198.51.100.0/24\n' > old.txt
rblmap build -q -o yesterday.rbl ops.example:plain:old.txt
cp yesterday.rbl monday.rbl
cp ops.example.rbl tuesday.rbl
echo 'Nov 28 17:45:19 mx postfix/smtpd[1]: connect from a.example[192.0.2.1]' > "$ROOT/var/log/mail.log"
gzip < "$ROOT/var/log/mail.log" > "$ROOT/var/log/mail.log.2.gz"
cp "$ROOT/var/log/mail.log" .
cp "$ROOT/var/log/mail.log.2.gz" .
printf '[[zone]]\nname = "ops.example"\nfrom = "ops.example.rbl"\n' > mail.toml
journalctl() { echo '{"SYSLOG_IDENTIFIER":"postfix/smtpd","MESSAGE":"connect from a.example[192.0.2.1]"}'; }
printf '192.0.2.0/24\tabuse@isp.example\n' > contacts.tsv
printf '2|ripencc|20261129|1|19830705|20261129|+0100\nripencc|DE|ipv4|192.0.2.0|256|20100101|allocated\n' \
    > delegated-ripencc-latest
printf '2|arin|20261129|1|19830705|20261129|+0100\narin|US|ipv4|198.51.100.0|256|20100101|assigned\n' \
    > delegated-arin-latest
printf '192.0.2.0\t192.0.2.255\t64500\tDE\tEXAMPLE-NET\n' > ip2asn-v4.tsv
