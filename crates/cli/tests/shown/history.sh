echo paypa1.example >> ops.txt
publish 1041
mirror
printf '203.0.113.7\n192.0.2.1\n' >> ops.txt
publish 1098
mirror
