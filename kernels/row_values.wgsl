// Value, of which a row consists: f32, or vec4f, four neighbours (parameter VALUE); its numbers, and where they stand.
// Functions only; they need row.wgsl.

alias Value = ${VALUE};

//# if VALUE == vec4f
const WIDTH = 4u; // numbers of a Value
alias Index = vec4u; // as many whole numbers

fn larger_value(p: Value, q: Value) -> Value {
  return vec4f(larger(p.x, q.x), larger(p.y, q.y), larger(p.z, q.z), larger(p.w, q.w));
}

fn largest_of(v: Value) -> f32 {
  return larger(larger(v.x, v.y), larger(v.z, v.w));
}

fn sum_of(v: Value) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn number_of(v: Value, i: u32) -> f32 {
  return v[i];
}

// Where the numbers of Value `j` stand in their row.
fn indices_of(j: u32) -> Index {
  return 4u * j + vec4u(0u, 1u, 2u, 3u);
}

fn least_of(v: Index) -> u32 {
  return min(min(v.x, v.y), min(v.z, v.w));
}
//# else
const WIDTH = 1u;
alias Index = u32;

fn larger_value(p: Value, q: Value) -> Value {
  return larger(p, q);
}

fn largest_of(v: Value) -> f32 {
  return v;
}

fn sum_of(v: Value) -> f32 {
  return v;
}

fn number_of(v: Value, i: u32) -> f32 {
  return v;
}

fn indices_of(j: u32) -> Index {
  return j;
}

fn least_of(v: Index) -> u32 {
  return v;
}
//# end
