publish 1
cp ops.pub "$ROOT/etc/rblmap/"
