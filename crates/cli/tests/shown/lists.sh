printf '192.0.2.1 5\n' > proxies.txt
printf '198.51.100.0/24\n' > common.zone
printf '198.51.100.7 :3:\n' > today.zone
printf '0.0.0.0 bad.example\n' > hosts.txt
printf '{"prefixes":[{"ip_prefix":"192.0.2.0/24"}]}\n' > ranges.json
printf 'network,what\n203.0.113.0/24,dul\n' > dul.csv
rblmap build -q -o ops.rbl ops.example:plain:ops.txt
