rblmap build -q -o ops.example.rbl ops.example:plain:ops.txt
