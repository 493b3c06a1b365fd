publish 1
mirror
