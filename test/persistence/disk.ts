/** Loaded before a program, in each of its threads: the disk fails once there is a file `disk-fails` where it runs. */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"

const { fsyncSync } = fs
fs.fsyncSync = (file) => {
  if (fs.existsSync("disk-fails")) throw Object.assign(new Error("EIO: i/o error, fsync"), { code: "EIO" })
  fsyncSync(file)
}
syncBuiltinESMExports()
