// The row of a table that an id names, kept as f32. Functions only; `is_nan` must come before.

// `rows` if id is no whole number below rows: so no id is taken for another one.
fn row_of(id: f32, rows: u32) -> u32 {
  let row = u32(id);
  return select(rows, row, !is_nan(id) && f32(row) == id && row < rows);
}
